import HTTPServing
import KubeMachinery

/// An answer of the server is longer than is taken: fewer objects have to be asked for.
public struct AnswerTooLong: Error, Sendable, CustomStringConvertible {
  /// The bound that was exceeded.
  public let limitBytes: Int

  public var description: String { "an answer of the server has more than \(limitBytes) bytes" }
}

/// The Kubernetes API, as the agent uses it.
///
/// Calls block no thread. They throw `AnswerTooLong`, `StatusError` where the server refuses, `PlatformError` (`unavailable`) where it
/// does not answer or its answer is no JSON, `CancellationError` where the caller's task is cancelled.
public protocol ClusterAccess: Sendable {
  /// Sends a request and reads the document that answers it.
  func send(_ request: ClusterRequest) async throws -> JSONValue
  /// Calls `seen` for each event of a watch (`{"type":…,"object":…}`) in turn, and returns when the server ends it. What `seen` throws
  /// ends it, too, and is thrown on.
  func watch(_ request: ClusterRequest, _ seen: @escaping @Sendable (JSONValue) async throws -> Void) async throws
}

/// A request for the Kubernetes API.
public struct ClusterRequest: Sendable, Equatable {
  /// Of HTTP.
  public enum Method: String, Sendable {
    case get = "GET", post = "POST", put = "PUT", patch = "PATCH", delete = "DELETE"
  }

  public var method: Method
  /// Below the server, each part as it is: `["api", "v1", "nodes"]`.
  public var path: [String]
  /// As it is: it is encoded when it is sent.
  public var query: [EnvironmentVariable] = []
  /// Nil: none.
  public var body: JSONValue?
  /// Of the body: tells patches apart.
  public var contentType = "application/json"

  public init(_ method: Method, _ path: [String], query: [EnvironmentVariable] = [], body: JSONValue? = nil) {
    self.method = method
    self.path = path
    self.query = query
    self.body = body
  }

  /// A `GET` of a path's parts.
  public static func get(_ path: String..., query: [EnvironmentVariable] = []) -> ClusterRequest {
    ClusterRequest(.get, path, query: query)
  }

  static func strategicPatch(_ path: [String], _ body: JSONValue) -> ClusterRequest {
    var request = ClusterRequest(.patch, path, body: body)
    request.contentType = "application/strategic-merge-patch+json"
    return request
  }

  static func pod(_ pod: PodIdentity, _ rest: String...) -> [String] {
    ["api", "v1", "namespaces", pod.namespace, "pods", pod.name] + rest
  }
}

/// The documents of a resource and what becomes of them: a list, then every change, and a list anew where the thread was lost.
///
/// Source: Kubernetes *API Concepts*, lists in pages and watches with bookmarks; a list begins anew after 410 (Gone).
public struct ObjectFeed: Sendable {
  /// What the feed tells.
  public enum News: Sendable {
    /// What is there; everything else is gone.
    case all([JSONValue])
    /// A new or changed object.
    case changed(JSONValue)
    /// An object as it was at last.
    case gone(JSONValue)
  }

  static let pageSize = 200
  static let retrySeconds: Int64 = 1
  static let maxRetrySeconds: Int64 = 15
  static let watchSeconds: Int64 = 1_800

  let cluster: any ClusterAccess
  let path: [String]
  let query: [EnvironmentVariable]
  let clock: any Clock<Duration>

  /// - Parameters:
  ///   - path: of the resource, as `ClusterRequest` has it: `["api", "v1", "pods"]`.
  ///   - query: selectors; what pages and watches need is added.
  ///   - clock: for the pauses after failures.
  public init(
    _ cluster: any ClusterAccess, path: [String], query: [EnvironmentVariable] = [],
    clock: any Clock<Duration> = ContinuousClock()
  ) {
    self.cluster = cluster
    self.path = path
    self.query = query
    self.clock = clock
  }

  /// Runs until cancelled; `tell` is awaited before the next news. `failed` is told why the server could not be followed; it is asked
  /// again after 1 s, and with doubled pauses of up to 15 s.
  public func run(
    _ tell: @escaping @Sendable (News) async -> Void, failed: @escaping @Sendable (any Error) -> Void
  ) async {
    var wait = Self.retrySeconds
    while !Task.isCancelled {
      do {
        let place = Place(try await list(tell))
        wait = Self.retrySeconds
        while !Task.isCancelled { try await follow(place, tell) }
      } catch is CancellationError {
        return
      } catch let error as StatusError where error.code == 410 {
        continue
      } catch {
        failed(error)
        try? await clock.sleep(for: .seconds(wait))
        wait = min(wait * 2, Self.maxRetrySeconds)
      }
    }
  }

  /// - Returns: the revision that the list is of.
  private func list(_ tell: @Sendable (News) async -> Void) async throws -> String {
    var found: [JSONValue] = []
    var token = ""
    var size = Self.pageSize
    while true {
      var query = query + [EnvironmentVariable("limit", String(size))]
      if !token.isEmpty { query.append(EnvironmentVariable("continue", token)) }
      let page: JSONValue
      do {
        page = try await cluster.send(ClusterRequest(.get, path, query: query))
      } catch let error as AnswerTooLong {
        // Anybody may make objects that are as long as objects may be: one alone is within the bound.
        guard size > 1 else { throw error }
        size /= 2
        continue
      }
      found += page["items"]?.items ?? []
      token = page["metadata"]?["continue"]?.text ?? ""
      guard token.isEmpty else { continue }
      await tell(.all(found))
      return page.meta.resourceVersion
    }
  }

  private func follow(_ place: Place, _ tell: @escaping @Sendable (News) async -> Void) async throws {
    let query =
      query + [
        EnvironmentVariable("watch", "true"), EnvironmentVariable("allowWatchBookmarks", "true"),
        EnvironmentVariable("resourceVersion", await place.revision),
        EnvironmentVariable("timeoutSeconds", String(Self.watchSeconds)),
      ]
    try await cluster.watch(ClusterRequest(.get, path, query: query)) { event in
      let object = event["object"] ?? [:]
      switch event["type"]?.text ?? "" {
      case "ADDED", "MODIFIED": await tell(.changed(object))
      case "DELETED": await tell(.gone(object))
      case "BOOKMARK": break
      default:
        throw StatusError(
          Int(object["code"]?.integer ?? 500), object["reason"]?.text ?? "", object["message"]?.text ?? "")
      }
      await place.advance(object.meta.resourceVersion)
    }
  }

  /// How far a feed is.
  private actor Place {
    private(set) var revision: String

    init(_ revision: String) { self.revision = revision }

    func advance(_ revision: String) { if !revision.isEmpty { self.revision = revision } }
  }
}
