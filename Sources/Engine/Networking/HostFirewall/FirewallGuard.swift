import Dispatch
import Glibc
import LinuxSystem
import Logging
import Model

/// Keeps the engine's table as it has to be while others change rules of the host: restores what somebody flushed, and
/// follows the host's own chains.
///
/// It waits for the kernel's notices; idle, it costs nothing.
final class FirewallGuard: Sendable {
  private let firewall: Firewall
  private let poller: Poller
  private let namespace: HostNamespace
  private let logger: Logger
  /// Its thread may block, unlike those of tasks.
  private let queue = DispatchQueue(label: "bulkhead.firewall-guard")
  private struct State {
    var task: Task<Void, Never>?
    var keeper: NetlinkSocket?
  }
  private let state = Locked(State())

  /// Programs that load rules often do so in several transactions.
  private static let patience = Duration.milliseconds(20)
  private static let pauseAfterFailure = Duration.seconds(1)
  private static let keeperSuffix = "-keeper"

  init(firewall: Firewall, poller: Poller, namespace: HostNamespace, logger: Logger) {
    self.firewall = firewall
    self.poller = poller
    self.namespace = namespace
    self.logger = logger
  }

  /// Begins; once.
  func start() throws {
    let monitor = try namespace.run { try NFTablesMonitor() }
    let keeper = try keepTranslation()
    let task = Task { [self] in await watch(monitor) }
    state.withLock { $0 = State(task: task, keeper: keeper) }
  }

  func stop() {
    let running = state.withLock { state in
      defer { state = State() }
      return state
    }
    running.task?.cancel()
  }

  /// A table that a flush of all rules passes over, so that packets of known connections are translated meanwhile. Nil
  /// on kernels that have no such tables.
  private func keepTranslation() throws -> NetlinkSocket? {
    let socket = try namespace.run { try NetlinkSocket(protocol: Netlink.protocolNetfilter) }
    let table = firewall.table + Self.keeperSuffix
    do {
      try socket.run(
        NFTables.translationKeeper(table: table), envelope: NFTables.transaction, subject: table)
      return socket
    } catch let error as SystemError where error.errno != EPERM {
      logger.notice(
        "translated connections will not outlive a flush of all rules", metadata: ["error": "\(error)"])
      return nil
    }
  }

  private func watch(_ monitor: NFTablesMonitor) async {
    await check()
    while !Task.isCancelled {
      do {
        try await poller.waitReadable(monitor.raw)
        try await Task.sleep(for: Self.patience)
        if concerns(try monitor.drain()) { await check() }
      } catch is CancellationError {
        return
      } catch {
        if Task.isCancelled { return }
        logger.error("failed to watch the firewall", metadata: ["error": "\(error)"])
        try? await Task.sleep(for: Self.pauseAfterFailure)
      }
    }
  }

  /// Whether others changed our table, or anybody the host's; nil stands for more than could be noted. The changes that come
  /// with each container are the firewall's own.
  func concerns(_ events: [NFTablesMonitor.Event]?) -> Bool {
    guard let events else { return true }
    var isOurTable = false
    for event in events {
      switch event {
      case .change(firewall.table): isOurTable = true
      case .change(let table): if !table.hasPrefix(InstanceNames.tablePrefix) { return true }
      case .end(let port):
        if isOurTable && port != firewall.socket.port { return true }
        isOurTable = false
      }
    }
    return isOurTable
  }

  private func check() async {
    await withCheckedContinuation { continuation in
      queue.async { [self] in
        do {
          try namespace.run { [firewall, logger] in
            let restored = try firewall.verify()
            if !restored.isEmpty {
              logger.warning("somebody changed the firewall table", metadata: ["restored": "\(restored)"])
            }
            try firewall.followHost()
          }
        } catch {
          logger.error("failed to keep the firewall", metadata: ["error": "\(error)"])
        }
        continuation.resume()
      }
    }
  }
}
