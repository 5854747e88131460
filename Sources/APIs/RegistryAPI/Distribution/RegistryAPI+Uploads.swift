import HTTPServing
import Model
import Registry

extension RegistryAPI {
  /// `POST …/blobs/uploads/`: an upload, a whole blob (`digest`), or a blob of another repository (`mount`, `from`).
  func startUpload(
    _ request: HTTPRequest, _ name: RepositoryName, _ caller: any RegistryCaller, _ epoch: ProjectEpoch?
  ) async throws -> HTTPResponse {
    guard request.method == .POST else { throw methodNotAllowed("POST") }
    if let text = request.query["mount"] {
      let digest = try RegistryError.digest(text)
      if try mount(digest, request.query["from"], into: name, caller, epoch) { return Self.created(name, digest) }
    } else if let text = request.query["digest"], request.body.announcedLength != 0 {
      let digest = try RegistryError.digest(text)
      let upload = try registry.startUpload(in: name, since: epoch)
      do {
        try registry.begin(upload)
        defer { upload.end() }
        try await Self.receive(request.body, into: upload)
        try registry.finish(upload, expected: digest)
      } catch {
        try? registry.cancel(upload)
        throw error
      }
      recordPush(.pushBlob, name, digest, caller)
      return Self.created(name, digest)
    }
    return Self.status(try registry.startUpload(in: name, since: epoch), .accepted)
  }

  /// False where the blob cannot be mounted, for whatever reason: what the caller may not see is as if it were not there.
  private func mount(
    _ digest: Digest, _ from: String?, into name: RepositoryName, _ caller: any RegistryCaller, _ epoch: ProjectEpoch?
  ) throws -> Bool {
    guard let from, let source = try? RepositoryName(parsing: from), caller.may(.pull, source),
      try registry.mount(digest, from: source, into: name, since: epoch)
    else { return false }
    recordPush(.mountBlob, name, digest, caller)
    return true
  }

  func upload(
    _ request: HTTPRequest, _ name: RepositoryName, _ id: String, _ caller: any RegistryCaller
  ) async throws -> HTTPResponse {
    let upload = try registry.upload(id, in: name)
    switch request.method {
    case .GET: return Self.status(upload, .noContent)
    case .DELETE:
      try registry.cancel(upload)
      return HTTPResponse(status: .noContent)
    case .PATCH:
      if let refusal = try await add(request, to: upload, persists: true) { return refusal }
      return Self.status(upload, .accepted)
    case .PUT:
      guard let text = request.query["digest"] else {
        throw RegistryError(.digestInvalid, "the parameter 'digest' is missing")
      }
      let digest = try RegistryError.digest(text)
      if let refusal = try await add(request, to: upload, persists: false, finishing: digest) { return refusal }
      recordPush(.pushBlob, name, digest, caller)
      return Self.created(name, digest)
    default: throw methodNotAllowed("GET, PATCH, PUT, DELETE")
    }
  }

  /// Takes a piece; the answer 416 where it does not begin where the upload ends.
  private func add(
    _ request: HTTPRequest, to upload: UploadSession, persists: Bool, finishing digest: Digest? = nil
  ) async throws -> HTTPResponse? {
    var offset: Int64?
    if let text = request.headers["Content-Range"].first {
      guard let range = ByteRange.piece(text) else { return Self.wrongRange(upload, "malformed Content-Range") }
      if let length = request.body.announcedLength, Int64(length) != range.upperBound - range.lowerBound {
        throw RegistryError(
          .sizeInvalid, "the Content-Range names \(range.upperBound - range.lowerBound) bytes, the body has \(length)")
      }
      offset = range.lowerBound
    }
    do {
      try registry.begin(upload, at: offset)
    } catch let error as RegistryError where error.code == .rangeInvalid {
      return Self.wrongRange(upload, error.message)
    }
    defer { upload.end() }
    try await Self.receive(request.body, into: upload)
    if persists { try upload.persist() }
    if let digest { try registry.finish(upload, expected: digest) }
    return nil
  }

  /// Takes the body as it comes; the thread is free while it waits for the client.
  private static func receive(_ body: RequestBody, into upload: UploadSession) async throws {
    while let piece = try await body.next() { try piece.withUnsafeReadableBytes { try upload.append($0) } }
  }

  private func recordPush(
    _ action: RegistryAudit.Action, _ name: RepositoryName, _ digest: Digest, _ caller: any RegistryCaller
  ) {
    access.record(
      RegistryAudit(
        action, caller: caller.name, from: caller.address, repository: name.description, reference: digest.description,
        digest: digest))
  }

  private static func created(_ name: RepositoryName, _ digest: Digest) -> HTTPResponse {
    HTTPResponse(
      status: .created,
      headers: ["Location": "/v2/\(name)/blobs/\(digest)", "Docker-Content-Digest": digest.description])
  }

  private static func status(_ upload: UploadSession, _ status: HTTPStatus) -> HTTPResponse {
    HTTPResponse(
      status: status,
      headers: [
        "Location": "/v2/\(upload.repository)/blobs/uploads/\(upload.id)", "Docker-Upload-Uuid": upload.id,
        "Range": "0-\(max(0, upload.sizeBytes - 1))", "OCI-Chunk-Min-Length": "1",
      ])
  }

  private static func wrongRange(_ upload: UploadSession, _ message: String) -> HTTPResponse {
    var response = RegistryErrorMap.response(.rangeNotSatisfiable, code: "BLOB_UPLOAD_INVALID", message)
    for (name, value) in status(upload, .ok).headers { response.headers.add(name: name, value: value) }
    return response
  }
}
