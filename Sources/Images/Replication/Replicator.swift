import LinuxSystem
import Logging
import Model
import Registry
import RegistryClient

/// Runs replication rules: when asked, by their schedule, and after pushes.
public actor Replicator {
  public struct Settings: Sendable {
    /// Images of one run on their way at once, and blobs of one image.
    public var parallelImages = 2
    public var parallelBlobs = 3
    /// Pauses before what failed is tried again; the run ends after the last of them.
    public var retrySeconds: [Int64] = [5, 30]
    /// Tags that one run looks at.
    public var maximumTags = 100_000
    /// How often the time-tables are looked at.
    public var tickSeconds: Int64 = 15
    public init() {}
  }

  /// One tag that a run copies.
  struct Item: Sendable, Hashable, CustomStringConvertible {
    var repository: RepositoryName
    var remotePath: String
    var tag: String
    var description: String { "\(repository):\(tag)" }
  }

  private static let maximumPending = 10_000

  private let registry: Registry
  private let client: RegistryClient
  private let store: ReplicationStore
  private let executor: BlockingExecutor
  private let settings: Settings
  private let logger: Logger
  private let isProject: @Sendable (String) -> Bool
  private let now: @Sendable () -> Int64
  private let pause: @Sendable (Int64) async throws -> Void
  private var running: Set<String> = []
  /// When a rule with a time-table was looked at first or ran last.
  private var lastRuns: [String: Int64] = [:]
  /// What was pushed since the rules were looked at last; beyond the bound all of a project is taken.
  private let pushed = Locked<Pushed>(Pushed())

  struct Pushed: Sendable {
    var tags: [String: Set<String>] = [:]
    var count = 0
    var isEverything = false
  }

  /// - Parameters:
  ///   - isProject: whether there is a project of that name; asked again before each image.
  ///   - now: seconds since 1970.
  ///   - pause: waits for seconds; ends early by throwing when its task is cancelled.
  public init(
    registry: Registry, client: RegistryClient, store: ReplicationStore, executor: BlockingExecutor,
    settings: Settings = Settings(), logger: Logger, isProject: @escaping @Sendable (String) -> Bool,
    now: @escaping @Sendable () -> Int64 = { Int64(Clock.realTimeNanoseconds() / 1_000_000_000) },
    pause: @escaping @Sendable (Int64) async throws -> Void = { try await Task.sleep(for: .seconds($0)) }
  ) {
    self.registry = registry
    self.client = client
    self.store = store
    self.executor = executor
    self.settings = settings
    self.logger = logger
    self.isProject = isProject
    self.now = now
    self.pause = pause
    registry.observe { [weak self] event in
      if case .pushed(let repository, _, let tag?, _, _) = event { self?.note(repository, tag) }
    }
  }

  private nonisolated func note(_ repository: RepositoryName, _ tag: String) {
    pushed.withLock { pushed in
      guard pushed.count < Self.maximumPending else {
        pushed.isEverything = true
        return
      }
      if pushed.tags[repository.description, default: []].insert(tag).inserted { pushed.count += 1 }
    }
  }

  // MARK: - Times

  /// Looks at the rules until its task is cancelled.
  public func serve() async throws {
    while !Task.isCancelled {
      do {
        try await tick()
      } catch let error as CancellationError {
        throw error
      } catch {
        logger.error("replication rules cannot be looked at", metadata: ["error": "\(error)"])
      }
      try await pause(settings.tickSeconds)
    }
  }

  /// Runs what is due, one rule after another. Failures are in the history.
  func tick() async throws {
    let fresh = pushed.withLock { pushed in
      defer { pushed = Pushed() }
      return pushed
    }
    let rules = try await executor.run { [store] in try store.rules() }
    lastRuns = lastRuns.filter { name, _ in rules.contains { $0.name == name } }
    for rule in rules where rule.isEnabled {
      try Task.checkCancellation()
      if case .onPush = rule.trigger {
        let items = rule.direction == .push ? Self.items(of: rule, fresh) : []
        if fresh.isEverything {
          try await runIgnoringConflict(rule, .push, nil)
        } else if !items.isEmpty {
          try await runIgnoringConflict(rule, .push, items)
        }
      } else if isDue(rule) {
        try await runIgnoringConflict(rule, .schedule, nil)
      }
    }
  }

  private static func items(of rule: ReplicationRule, _ pushed: Pushed) -> [Item] {
    pushed.tags.sorted { $0.key < $1.key }.flatMap { name, tags -> [Item] in
      guard let repository = try? RepositoryName(parsing: name), let path = rule.remotePath(of: repository) else {
        return []
      }
      return tags.sorted().filter(rule.means(tag:)).map { Item(repository: repository, remotePath: path, tag: $0) }
    }
  }

  private func isDue(_ rule: ReplicationRule) -> Bool {
    let time = now()
    guard let last = lastRuns[rule.name] else {
      lastRuns[rule.name] = time
      return false
    }
    let isDue =
      switch rule.trigger {
      case .every(let seconds): time - last >= seconds
      case .cron(let schedule): schedule.next(after: last).map { $0 <= time } ?? false
      case .manual, .onPush: false
      }
    if isDue { lastRuns[rule.name] = time }
    return isDue
  }

  private func runIgnoringConflict(
    _ rule: ReplicationRule, _ cause: ReplicationExecution.Cause, _ items: [Item]?
  ) async throws {
    guard !running.contains(rule.name) else {
      // Somebody runs it by hand just now; what was pushed meanwhile waits for the next look.
      for item in items ?? [] { note(item.repository, item.tag) }
      return
    }
    _ = try await run(rule, cause, items)
  }

  // MARK: - One run

  /// Runs a rule to its end. Throws `notFound`, and `conflict` while it runs already; what could not be copied is told by
  /// the value returned, which is also in the history.
  public func run(_ name: String) async throws -> ReplicationExecution {
    let rule = try await executor.run { [store] in try store.rule(name) }
    return try await run(rule, .manual, nil)
  }

  private func run(
    _ rule: ReplicationRule, _ cause: ReplicationExecution.Cause, _ items: [Item]?
  ) async throws -> ReplicationExecution {
    guard running.insert(rule.name).inserted else {
      throw PlatformError(.conflict, "the replication rule '\(rule.name)' is running")
    }
    defer { running.remove(rule.name) }
    let start = now()
    var execution = try await executor.run { [store] in try store.begin(rule.name, cause, now: start) }
    do {
      try await copy(rule, items, &execution)
      execution.state = execution.failed == 0 ? .succeeded : .failed
    } catch is CancellationError {
      execution.state = .interrupted
    } catch {
      execution.state = .failed
      execution.failed += 1
      execution.failures.append(.init(subject: rule.name, message: Self.message(of: error)))
    }
    execution.endedAt = now()
    let result = execution
    try await executor.run { [store] in try store.save(result) }
    logger.info(
      "replication rule '\(rule.name)' \(result.state.rawValue)",
      metadata: ["copied": "\(result.copied)", "skipped": "\(result.skipped)", "failed": "\(result.failed)"])
    return result
  }

  private func copy(
    _ rule: ReplicationRule, _ given: [Item]?, _ execution: inout ReplicationExecution
  ) async throws {
    let peer = try await executor.run { [store] in try store.peer(rule.peer) }
    try Self.require(isProject, rule)
    let remote = try peer.registry(by: client, executor: executor, logger: logger)
    var rest = try await list(rule, given, remote, &execution)
    for pauseSeconds in settings.retrySeconds + [nil] as [Int64?] {
      execution.attempts += 1
      let failures = await attempt(rule, rest, remote, &execution)
      guard !failures.isEmpty else { return }
      try Task.checkCancellation()
      guard let pauseSeconds else {
        execution.failed = failures.count
        execution.failures = failures.prefix(ReplicationExecution.maximumFailures).map {
          .init(subject: $0.item.description, message: $0.message)
        }
        return
      }
      rest = failures.map(\.item)
      try await pause(pauseSeconds)
    }
  }

  /// What is to be copied; asks the peer again where it cannot be reached.
  private func list(
    _ rule: ReplicationRule, _ given: [Item]?, _ remote: RemoteRegistry, _ execution: inout ReplicationExecution
  ) async throws -> [Item] {
    if let given { return given }
    for pauseSeconds in settings.retrySeconds {
      do {
        return try await list(rule, remote)
      } catch let error as RegistryFailure where error.mayPass {
        execution.attempts += 1
        try await pause(pauseSeconds)
      }
    }
    return try await list(rule, remote)
  }

  private struct Failed: Sendable {
    var item: Item
    var message: String
  }

  /// Copies items, a few at once.
  private func attempt(
    _ rule: ReplicationRule, _ items: [Item], _ remote: RemoteRegistry, _ execution: inout ReplicationExecution
  ) async -> [Failed] {
    let transfer = ImageTransfer(registry: registry, executor: executor, parallelBlobs: settings.parallelBlobs)
    let (limit, isProject) = (settings.parallelImages, isProject)
    typealias Done = (item: Item, result: Result<ImageTransfer.Outcome, any Error>)
    let all = await withTaskGroup(of: Done.self, returning: [Done].self) { group in
      var all: [Done] = []
      for (index, item) in items.enumerated() {
        if index >= limit, let done = await group.next() { all.append(done) }
        group.addTask { (item, await Self.copy(item, rule, remote, transfer, isProject)) }
      }
      for await done in group { all.append(done) }
      return all
    }
    var failures: [Failed] = []
    for done in all {
      switch done.result {
      case .success(.copied): execution.copied += 1
      case .success(.skipped): execution.skipped += 1
      case .failure(let error): failures.append(Failed(item: done.item, message: Self.message(of: error)))
      }
    }
    return failures
  }

  private static func copy(
    _ item: Item, _ rule: ReplicationRule, _ remote: RemoteRegistry, _ transfer: ImageTransfer,
    _ isProject: @Sendable (String) -> Bool
  ) async -> Result<ImageTransfer.Outcome, any Error> {
    do {
      let epoch = transfer.registry.epoch(of: rule.project)
      try require(isProject, rule)
      let there = try remote.repository(item.remotePath)
      switch rule.direction {
      case .push:
        return .success(
          try await transfer.push(tag: item.tag, of: item.repository, to: there, replaces: rule.replacesTags))
      case .pull:
        return .success(
          try await transfer.pull(
            tag: item.tag, from: there, into: item.repository, since: epoch, replaces: rule.replacesTags,
            author: "replication:\(rule.name)"))
      }
    } catch {
      return .failure(error)
    }
  }

  /// The project may have gone since the rule was made: nothing may bring its repositories back. Its quota is the registry's
  /// matter, which counts each blob as it comes.
  private static func require(_ isProject: @Sendable (String) -> Bool, _ rule: ReplicationRule) throws {
    guard isProject(rule.project) else {
      throw PlatformError(.notFound, "the project '\(rule.project)' of the rule '\(rule.name)' is not there any more")
    }
  }

  /// Written for the history, which users read.
  static func message(of error: any Error) -> String {
    switch error {
    case let error as RegistryFailure: error.message
    case let error as RegistryError: error.message
    case let error as PlatformError: error.message
    default: "internal error"
    }
  }
}

// MARK: - What a rule means

extension Replicator {
  private func list(_ rule: ReplicationRule, _ remote: RemoteRegistry) async throws -> [Item] {
    switch rule.direction {
    case .push: try await listHere(rule)
    case .pull: try await listThere(rule, remote)
    }
  }

  private func listHere(_ rule: ReplicationRule) async throws -> [Item] {
    let maximum = settings.maximumTags
    return try await executor.run { [registry] in
      var items: [Item] = []
      var last = ""
      while true {
        let page = try registry.repositories(after: last, in: rule.project, limit: 1_000)
        guard let end = page.last else { return items }
        last = end.name.description
        for repository in page.map(\.name) {
          guard let path = rule.remotePath(of: repository) else { continue }
          var lastTag = ""
          while true {
            let tags = try registry.tags(in: repository, after: lastTag, limit: 1_000)
            guard let end = tags.last else { break }
            lastTag = end.name
            items += tags.filter { rule.means(tag: $0.name) }.map {
              Item(repository: repository, remotePath: path, tag: $0.name)
            }
            try Self.checkCount(items.count, maximum, rule)
          }
        }
      }
    }
  }

  private func listThere(_ rule: ReplicationRule, _ remote: RemoteRegistry) async throws -> [Item] {
    let paths: [String]
    if let literal = rule.literalRemotePaths {
      paths = literal
    } else {
      paths = try await remote.repositories()
    }
    var items: [Item] = []
    for path in paths {
      guard let repository = rule.localName(of: path) else { continue }
      // Tags that no tag here could be called are left out.
      for tag in try await remote.repository(path).tags() where rule.means(tag: tag) && ImageReference.isTag(tag) {
        items.append(Item(repository: repository, remotePath: path, tag: tag))
      }
      try Self.checkCount(items.count, settings.maximumTags, rule)
    }
    return items
  }

  private static func checkCount(_ count: Int, _ maximum: Int, _ rule: ReplicationRule) throws {
    guard count <= maximum else {
      throw PlatformError(
        .resourceExhausted, "the rule '\(rule.name)' means more than \(maximum) tags: narrow its patterns")
    }
  }
}

extension RegistryFailure {
  /// The peer is away or wants patience; nothing is wrong with what was asked.
  var mayPass: Bool { kind == .unreachable || kind == .unavailable || kind == .tooManyRequests }
}
