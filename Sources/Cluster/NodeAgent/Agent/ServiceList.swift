import HTTPServing
import KubeMachinery

/// Services of the cluster, for the variables that containers are told.
actor ServiceList {
  private var services: [String: JSONValue] = [:]
  private var isKnown = false
  private var waiters: [CheckedContinuation<Void, Never>] = []

  func take(_ news: ObjectFeed.News) {
    switch news {
    case .all(let documents):
      services = Dictionary(documents.map { (Self.key($0), $0) }, uniquingKeysWith: { $1 })
      isKnown = true
      for waiter in waiters { waiter.resume() }
      waiters = []
    case .changed(let document): services[Self.key(document)] = document
    case .gone(let document): services[Self.key(document)] = nil
    }
  }

  private static func key(_ service: JSONValue) -> String { "\(service.meta.namespace)/\(service.meta.name)" }

  /// Those of a namespace, and the API's own. Waits for the first list.
  func told(_ namespace: String) async -> [JSONValue] {
    if !isKnown { await withCheckedContinuation { waiters.append($0) } }
    return services.values.filter {
      $0.meta.namespace == namespace || $0.meta.namespace == "default" && $0.meta.name == "kubernetes"
    }.sorted { Self.key($0) < Self.key($1) }
  }

  /// Lets those who wait go on: the agent ends.
  func stop() {
    for waiter in waiters { waiter.resume() }
    waiters = []
    isKnown = true
  }
}
