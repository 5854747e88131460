import Compose
import Glibc

/// Follows the files of services and does what their rules say; several changes that come together are one.
final class Watcher {
  /// Quiet after a change until it is acted on, and the longest that changes are collected.
  private static let quietMilliseconds: Int32 = 300
  private static let longestMilliseconds: Int64 = 2_000

  private let session: ComposeSession
  private let bringing: BringUpOptions
  private let rules: [WatchRule]
  private let folders: FolderWatch
  /// Told of a service whose containers were made anew.
  var onRebuild: (String) throws(ClientError) -> Void = { _ in }

  init(_ session: ComposeSession, _ services: [String], _ bringing: BringUpOptions) throws(ClientError) {
    self.session = session
    self.bringing = bringing
    var rules: [WatchRule] = []
    for service in session.project.services where services.isEmpty || services.contains(service.name) {
      for rule in service.watch {
        if rule.action == .rebuild, service.build == nil {
          throw ClientError("service '\(service.name)': 'rebuild' needs a 'build'")
        }
        rules.append(try WatchRule(service.name, rule))
      }
    }
    guard !rules.isEmpty else {
      throw ClientError("no service of the project '\(session.project.name)' has 'develop.watch'")
    }
    self.rules = rules
    let all = rules
    folders = try FolderWatch(Array(Set(rules.map(\.rule.path))).sorted()) { folder in
      // A folder is left alone where every rule that it lies below passes over it.
      let concerned = all.filter { folder.hasPrefix($0.rule.path == "/" ? "/" : $0.rule.path + "/") }
      return !concerned.isEmpty && concerned.allSatisfy { $0.passesOver(folder) }
    }
  }

  /// Works until `end` becomes readable. What fails is told, and the watch goes on.
  func run(until end: Int32) throws(ClientError) {
    for rule in rules where rule.rule.initialSync {
      try act(WatchWork.of(folders.files(below: rule.rule.path), by: [rule]))
    }
    Console.writeError("Watch enabled\n")
    var pending: Set<String> = []
    var began: Int64 = 0
    while true {
      var entries = [
        pollfd(fd: end, events: Int16(POLLIN), revents: 0),
        pollfd(fd: folders.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      let isLate = !pending.isEmpty && BuildProgress.now() - began >= Self.longestMilliseconds
      let count = isLate ? 0 : poll(&entries, 2, pending.isEmpty ? -1 : Self.quietMilliseconds)
      guard count >= 0 else {
        if errno == EINTR { continue }
        throw ClientError("cannot wait for changes: \(describe(errno: errno))")
      }
      if entries[0].revents != 0 { return }
      if count > 0 {
        let changed = try folders.changes()
        if pending.isEmpty { began = BuildProgress.now() }
        pending.formUnion(changed)
        continue
      }
      let work = WatchWork.of(pending, by: rules)
      pending = []
      do throws(ClientError) { try act(work) } catch { Console.complain(error.message) }
    }
  }

  private func act(_ all: [String: WatchWork]) throws(ClientError) {
    for (service, work) in all.sorted(by: { $0.key < $1.key }) {
      if work.rebuilds {
        Console.writeError("Rebuilding service \(service)\n")
        try rebuild(service)
        try onRebuild(service)
        continue
      }
      let containers = try session.containers(of: [service], isRunning: true)
      for container in containers {
        if !work.files.isEmpty { try sync(work.files, into: container) }
        for command in work.commands { try session.engine.run(command, in: container.id) }
        if work.restarts { try session.engine.call(.post, "/containers/\(container.id)/restart") }
      }
      if !work.files.isEmpty {
        let names = work.files.keys.sorted()
        let more = names.count > 1 ? " and \(names.count - 1) more" : ""
        Console.writeError("Syncing service \(service) after \(names[0])\(more)\n")
      }
      if work.restarts { Console.writeError("Restarted service \(service)\n") }
    }
  }

  private func rebuild(_ service: String) throws(ClientError) {
    var wish = ComposeUpOptions()
    wish.services = [service]
    wish.withoutDependencies = true
    var bringing = bringing
    bringing.build = true
    bringing.noBuild = false
    try bringing.bring(session, wish, PlanRunner.Settings(), bringing.view())
  }

  /// Files that are there are written, and what is gone is removed; they belong to the container's root.
  private func sync(_ files: [String: String], into container: ObservedContainer) throws(ClientError) {
    let copy = ContainerCopy(engine: session.engine, keepsOwners: true)
    var gone: [String] = []
    var present: [(path: String, target: String)] = []
    for (path, target) in files.sorted(by: { $0.key < $1.key }) {
      var status = stat()
      if lstat(path, &status) == 0 {
        if status.st_mode & S_IFMT != S_IFDIR { present.append((path, target)) }
      } else {
        gone.append(target)
      }
    }
    if !present.isEmpty { try copy.send(present, to: container.id) }
    guard !gone.isEmpty else { return }
    let body: JSONValue = [
      "AttachStdout": true, "AttachStderr": true, "Cmd": .strings(["rm", "-rf", "--"] + gone), "User": "0",
    ]
    let (code, output) = try session.engine.execute(container.id, body)
    guard code == 0 else {
      throw ClientError("container \(container.name): files that are gone cannot be removed: \(output.suffix(300))")
    }
  }
}
