import Compose
import Glibc

/// Containers that run in front of the user: their output is shown until they have ended or a signal asks for the end.
struct ForegroundRun {
  let session: ComposeSession
  let containers: [ObservedContainer]
  /// Whose output is shown, by id.
  let shown: Set<String>
  let logs: LogFollower.Options

  private struct State {
    var ended: [(service: String, name: String, code: Int)] = []
    var failure: ClientError?
  }

  /// - Returns: the code to end with.
  func wait(abortsOnExit: Bool, abortsOnFailure: Bool, codeFrom: String?) throws(ClientError) -> Int {
    guard !containers.isEmpty else { return 0 }
    let inbox = try SignalInbox([SIGINT, SIGTERM])
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw ClientError("cannot make a pipe: \(describe(errno: errno))") }
    defer { for end in ends { close(end) } }
    let state = Monitor(State())
    let watch = try ContainerWatch(session.engine, project: session.project.name)
    try follow(watch, into: state, wakes: ends[1])
    var code = 0
    while true {
      var entries = [
        pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&entries, 2, -1) >= 0 else {
        if errno == EINTR { continue }
        throw ClientError("cannot wait: \(describe(errno: errno))")
      }
      if entries[0].revents != 0, let signal = inbox.next() { return 128 + Int(signal) }
      var byte: UInt8 = 0
      _ = read(ends[0], &byte, 1)
      let (ended, failure) = state.with { ($0.ended, $0.failure) }
      if let failure { throw failure }
      if let codeFrom, let end = ended.first(where: { $0.service == codeFrom }) { return end.code }
      if let last = ended.last {
        code = codeFrom == nil && abortsOnExit ? last.code : code
        if abortsOnExit, codeFrom == nil { return code }
        if abortsOnFailure, let failed = ended.first(where: { $0.code != 0 }) { return failed.code }
      }
      if ended.count == containers.count { return code }
    }
  }

  private func follow(_ watch: ContainerWatch, into state: Monitor<State>, wakes descriptor: Int32) throws(ClientError)
  {
    let (engine, shown) = (session.engine, shown)
    let names = containers.filter { shown.contains($0.id) }.map { Self.shortName($0, session.project.name) }
    let follower = LogFollower(engine, logs, names: names, watch: watch)
    for (position, container) in containers.enumerated() {
      let name = Self.shortName(container, session.project.name)
      _ = try Threads.start {
        do throws(ClientError) {
          let code: Int
          if shown.contains(container.id) {
            code = try follower.show(container.id, named: name, position: position) ?? 0
            Console.writeError("\(name) exited with code \(code)\n")
          } else {
            let waiting = try engine.open(.post, "/containers/\(container.id)/wait")
            code = Int(try engine.exitCode(waiting))
          }
          state.with { $0.ended.append((container.service, name, code)) }
        } catch {
          state.with { $0.failure = $0.failure ?? error }
        }
        var byte: UInt8 = 1
        _ = write(descriptor, &byte, 1)
      }
    }
  }

  /// `web-1` of `shop-web-1`.
  static func shortName(_ container: ObservedContainer, _ project: String) -> String {
    container.name.hasPrefix(project + "-") ? String(container.name.dropFirst(project.count + 1)) : container.name
  }
}
