import Dispatch
import LinuxSystem
import Logging

/// Deletes links some time after their containers ended, if the kernel has not done it together with the namespaces.
///
/// A link goes with its namespace, in the background and many at once; deleting it ourselves would only hold up others.
final class LinkReaper: Sendable {
  private let links: LinkWiring
  private let logger: Logger
  private let delay: DispatchTimeInterval
  /// Its thread may block, unlike those of tasks.
  private let queue = DispatchQueue(label: "bulkhead.link-reaper")
  private let waiting = Locked<Set<String>>([])

  /// Enough for the kernel to take namespaces down under load.
  static let standardDelay = DispatchTimeInterval.seconds(3)

  init(links: LinkWiring, logger: Logger, delay: DispatchTimeInterval = LinkReaper.standardDelay) {
    self.links = links
    self.logger = logger
    self.delay = delay
  }

  /// Takes a link to delete later; links that are forgotten in a crash are found by reconciliation.
  func add(_ name: String) {
    let isFirst = waiting.withLock { waiting in
      waiting.insert(name)
      return waiting.count == 1
    }
    if isFirst { queue.asyncAfter(deadline: .now() + delay) { [weak self] in self?.reap() } }
  }

  /// Takes a link back out; false where it does not wait.
  func forget(_ name: String) -> Bool {
    waiting.withLock { $0.remove(name) != nil }
  }

  /// Deletes now what waits.
  func reap() {
    let names = waiting.withLock { waiting in
      defer { waiting = [] }
      return Array(waiting)
    }
    guard !names.isEmpty else { return }
    do {
      try links.disconnect(names: names)
    } catch {
      logger.warning("failed to delete links", metadata: ["links": "\(names)", "error": "\(error)"])
    }
  }
}
