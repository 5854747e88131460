import Model

/// One repository that a search found.
public struct SearchResult: Sendable, Hashable {
  public var name: String
  public var description: String
  public var stars: Int
  public var isOfficial: Bool
}

extension RemoteRegistry {
  private static let dockerIndex = "index.docker.io"

  /// Looks for repositories by a word: by docker's search interface (version 1, which its hub keeps), else among the names of
  /// the registry's catalogue.
  public func search(_ term: String, limit: Int) async throws -> [SearchResult] {
    struct Answer: Decodable {
      struct Item: Decodable {
        var name: String?
        var description: String?
        var star_count: Int?
        var is_official: Bool?
      }
      var results: [Item]?
    }
    var url = try await url("")
    if url.host == RegistryHost.dockerAPI { url.host = Self.dockerIndex }
    url.target = "/v1/search?q=\(WireURL.escape(term))&n=\(limit)"
    let response = try await send(WireRequest(.GET, url), scopes: [])
    guard response.isSuccess else {
      guard host.name != RegistryHost.docker, (400..<500).contains(response.status) else {
        try await response.expecting([200], "search in \(host)")
        return []
      }
      await response.drain()
      return try await repositories().filter { $0.contains(term) }.prefix(limit).map {
        SearchResult(name: $0, description: "", stars: 0, isOfficial: false)
      }
    }
    let answer = try Self.decode(
      Answer.self, try await response.collect(limit: Self.listBytes, named: "the search's answer"),
      "the search's answer")
    return (answer.results ?? []).prefix(limit).compactMap { item in
      item.name.map {
        SearchResult(
          name: ErrorAnswer.printable($0), description: ErrorAnswer.printable(item.description ?? ""),
          stars: item.star_count ?? 0, isOfficial: item.is_official ?? false)
      }
    }
  }
}
