import HTTPServing
import Model
import OCITypes
import Registry

extension RegistryAPI {
  static let maximumPage = 1_000
  /// Descriptors read together, each of which may be as long as a manifest.
  private static let referrersAtOnce = 32

  private struct TagList: Encodable {
    var name: String
    var tags: [String]
  }

  private struct Catalog: Encodable {
    var repositories: [String]
  }

  /// `GET /v2/<name>/tags/list`.
  func tags(_ request: HTTPRequest, _ name: RepositoryName) async throws -> HTTPResponse {
    try requireGet(request)
    let count = try count(request)
    let last = request.query["last"] ?? ""
    if let cache = cache(for: name) {
      let all = try await asking(for: "repository '\(name)'") {
        try await request.whileClientListens { try await cache.tags(in: name) }
      }
      let rest = last.isEmpty ? all[...] : all.drop { !last.utf8.lexicographicallyPrecedes($0.utf8) }
      return try list(name, Array(rest.prefix(count)), hasMore: rest.count > count, n: count)
    }
    // One more than asked for tells whether there is more.
    let found = count == 0 ? [] : try registry.tags(in: name, after: last, limit: Self.maximumPage).map(\.name)
    if count == 0 { _ = try registry.tags(in: name, limit: 1) }
    let page = Array(found.prefix(count))
    let hasMore = try found.count > page.count || isMore(after: page.last, found.count, in: name)
    return try list(name, page, hasMore: hasMore, n: count)
  }

  private func list(_ name: RepositoryName, _ page: [String], hasMore: Bool, n: Int) throws -> HTTPResponse {
    var response = HTTPResponse(
      contentType: "application/json", bytes: try ImageDocuments.encode(TagList(name: name.description, tags: page)))
    if hasMore, let end = page.last { addLink("/v2/\(name)/tags/list", n: n, last: end, to: &response) }
    return response
  }

  private func isMore(after last: String?, _ found: Int, in name: RepositoryName) throws -> Bool {
    guard let last, found == Self.maximumPage else { return false }
    return try !registry.tags(in: name, after: last, limit: 1).isEmpty
  }

  /// `GET /v2/_catalog`: the repositories that the caller may pull from.
  func catalog(_ request: HTTPRequest, _ caller: any RegistryCaller) throws -> HTTPResponse {
    try requireGet(request)
    let count = try count(request)
    var last = request.query["last"] ?? ""
    var names: [String] = []
    var hasMore = false
    scan: while count > 0 {
      let page = try registry.repositories(after: last, limit: Self.maximumPage)
      for repository in page {
        last = repository.name.description
        guard repository.manifests > 0, caller.maySee(repository.name) else { continue }
        // Only one that the caller may see tells him that there is more.
        if names.count == count {
          hasMore = true
          break scan
        }
        names.append(last)
      }
      if page.count < Self.maximumPage { break }
    }
    var response = HTTPResponse(
      contentType: "application/json", bytes: try ImageDocuments.encode(Catalog(repositories: names)))
    if hasMore, let end = names.last { addLink("/v2/_catalog", n: count, last: end, to: &response) }
    return response
  }

  /// `GET /v2/<name>/referrers/<digest>`: an index of the manifests that refer to the digest.
  func referrers(_ request: HTTPRequest, _ name: RepositoryName, _ digest: Digest) throws -> HTTPResponse {
    try requireGet(request)
    let wanted = request.query["artifactType"]
    let count = try count(request)
    var after = try request.query["last"].map { try RegistryError.digest($0) }
    var found: [ContentDescriptor] = []
    var hasMore = false
    var bytes = 0
    scan: while true {
      let page = try registry.referrers(of: digest, in: name, after: after, limit: Self.referrersAtOnce)
      for descriptor in page {
        if found.count == count || bytes > ImageDocuments.maximumManifestBytes / 2 {
          hasMore = true
          break scan
        }
        after = descriptor.digest
        guard wanted == nil || descriptor.artifactType == wanted else { continue }
        found.append(descriptor)
        // Annotations come from whoever has pushed: a few of them fill an answer.
        bytes += descriptor.annotations?.reduce(512) { $0 + $1.key.utf8.count + $1.value.utf8.count } ?? 512
      }
      if page.count < Self.referrersAtOnce { break }
    }
    var response = HTTPResponse(
      contentType: MediaType.ociIndex.rawValue, bytes: try ImageDocuments.encode(ImageIndex(manifests: found)))
    if wanted != nil { response.headers.add(name: "OCI-Filters-Applied", value: "artifactType") }
    if hasMore, let end = found.last {
      let filter = wanted.map { "artifactType=\(PercentCoding.encode($0))&" } ?? ""
      addLink("/v2/\(name)/referrers/\(digest)", filter, n: count, last: end.digest.description, to: &response)
    }
    return response
  }

  private func requireGet(_ request: HTTPRequest) throws {
    guard request.method == .GET || request.method == .HEAD else { throw methodNotAllowed("GET") }
  }

  private func count(_ request: HTTPRequest) throws -> Int {
    guard let text = request.query["n"] else { return Self.maximumPage }
    guard text.utf8.count <= 18, text.utf8.allSatisfy({ (48...57).contains($0) }), let count = Int(text) else {
      throw Refusal(
        response: RegistryErrorMap.response(
          .badRequest, code: "PAGINATION_NUMBER_INVALID", "invalid value of n: expected a number from 0 on"))
    }
    return min(count, Self.maximumPage)
  }

  /// Source: RFC 8288.
  private func addLink(_ path: String, _ filter: String = "", n: Int, last: String, to response: inout HTTPResponse) {
    response.headers.add(
      name: "Link", value: "<\(path)?\(filter)n=\(n)&last=\(PercentCoding.encode(last))>; rel=\"next\"")
  }
}
