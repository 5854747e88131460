import HTTPServing
import LinuxSystem
import Model
import Registry

extension RegistryAPI {
  /// Blobs up to this size are sent from memory.
  static let smallBlobBytes: Int64 = 64 << 10

  func blob(
    _ request: HTTPRequest, _ name: RepositoryName, _ digest: Digest, _ caller: any RegistryCaller
  ) throws -> HTTPResponse {
    switch request.method {
    case .HEAD:
      // A client that may push relies on the answer.
      let size =
        try caller.may(.push, name)
        ? registry.promiseBlob(digest, in: name) : registry.blobSize(digest, in: name)
      if Self.isKnown(digest, to: request) { return Self.notModified(digest) }
      var headers = Self.blobHeaders(digest)
      headers.add(name: "Content-Length", value: String(size))
      return HTTPResponse(headers: headers)
    case .GET:
      let version = registry.version(of: name)
      let (file, size) = try registry.openBlob(digest, in: name)
      access.record(
        RegistryAudit(
          .pullBlob, caller: caller.name, from: caller.address, repository: name.description,
          reference: digest.description, digest: digest))
      if Self.isKnown(digest, to: request) { return Self.notModified(digest) }
      return try content(request, name, digest, file, size, version: version)
    case .DELETE:
      try registry.deleteBlob(digest, in: name)
      try access.recordDurably(
        RegistryAudit(
          .deleteBlob, caller: caller.name, from: caller.address, repository: name.description,
          reference: digest.description, digest: digest)
      )
      return HTTPResponse(status: .accepted)
    default: throw methodNotAllowed("GET, HEAD, DELETE")
    }
  }

  private func content(
    _ request: HTTPRequest, _ name: RepositoryName, _ digest: Digest, _ file: Descriptor, _ size: Int64, version: UInt64
  ) throws -> HTTPResponse {
    var headers = Self.blobHeaders(digest)
    // A range of an older state of what is at this address cannot be, as the address names the bytes.
    switch ByteRange.request(request.headers["Range"].first, sizeBytes: size) {
    case .unsatisfiable:
      var response = RegistryErrorMap.response(
        .rangeNotSatisfiable, code: "SIZE_INVALID", "the range lies outside of the blob's \(size) bytes")
      response.headers.add(name: "Content-Range", value: "bytes */\(size)")
      return response
    case .part(let range):
      headers.add(name: "Content-Range", value: "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)")
      return HTTPResponse(
        status: .partialContent, headers: headers,
        body: .file(FileBody(descriptor: file, offset: range.lowerBound, count: Int64(range.count))))
    case .all:
      guard size <= Self.smallBlobBytes else {
        return HTTPResponse(headers: headers, body: .file(FileBody(descriptor: file, count: size)))
      }
      // Checked against the digest: what is kept in memory is right.
      let bytes = try registry.readBlob(digest, in: name, maxBytes: Int(Self.smallBlobBytes))
      hot.insert(
        HotAnswers.Entry(
          repository: name, version: version, reference: digest.description, digest: digest, headers: headers,
          bytes: bytes, mediaType: nil, action: .pullBlob), for: request.rawPath)
      return HTTPResponse(headers: headers, body: .bytes(bytes))
    }
  }

  private static func blobHeaders(_ digest: Digest) -> HTTPHeaders {
    [
      "Content-Type": "application/octet-stream", "Docker-Content-Digest": digest.description,
      "ETag": "\"\(digest)\"", "Accept-Ranges": "bytes", "Cache-Control": "private, max-age=31536000, immutable",
      "X-Content-Type-Options": "nosniff",
    ]
  }

  /// Whether the client has the content already (RFC 9110, section 13.1.2).
  static func isKnown(_ digest: Digest, to request: HTTPRequest) -> Bool {
    let values = request.headers["If-None-Match"]
    if values.isEmpty { return false }
    let tag = "\"\(digest)\""
    return values.contains { value in
      value.split(separator: ",").contains { part in
        var text = part.drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        if text.hasPrefix("W/") { text = text.dropFirst(2) }
        return text == "*" || text == tag || text == digest.description
      }
    }
  }

  static func notModified(_ digest: Digest) -> HTTPResponse {
    HTTPResponse(
      status: .notModified, headers: ["ETag": "\"\(digest)\"", "Docker-Content-Digest": digest.description])
  }
}
