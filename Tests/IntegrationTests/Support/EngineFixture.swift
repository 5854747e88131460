import FoundationEssentials
import Glibc
import Synchronization

/// An engine under test: one of ours with a root, a run folder and a policy of its own, or a foreign one that runs already.
///
/// `shared` serves most tests. It is started at its first use and stopped when the test process ends; a fixture that was
/// killed is cleaned up by the next run. Tests that kill the engine or change its policy make their own and call `tearDown`.
final class EngineFixture: Sendable {
  enum Failure: Error, CustomStringConvertible {
    case noEngine
    case notReady(log: String)
    case command(String, Subprocess.Outcome)
    case noAnswer(String)

    var description: String {
      switch self {
      case .noEngine: "there is no bulkheadd beside the tests, BULKHEAD_PROGRAMS does not name its folder"
      case .notReady(let log): "the engine did not answer in time; its log ends with:\n\(log.suffix(3000))"
      case .command(let command, let outcome):
        "'\(command)' ended with \(outcome.status): \(outcome.errors.suffix(2000))\(outcome.output.suffix(500))"
      case .noAnswer(let request): "no HTTP answer to \(request)"
      }
    }
  }

  static let startSeconds: Double = 20
  static let stopSeconds: Double = 60
  static let folderPrefix = "/tmp/bulkhead-it-"

  /// The fixture's folder: the engine's root and run folders, its log, scratch files of tests.
  let folder: String
  let socket: String
  private let engine = Mutex<pid_t?>(nil)
  private let configuration: String?
  private static let counter = Atomic<Int>(0)

  private static let started: Result<EngineFixture, any Error> = Result {
    sweep()
    let fixture = try EngineFixture()
    atexit { EngineFixture.endShared() }
    return fixture
  }

  /// The engine that tests share.
  static var shared: EngineFixture { get throws { try started.get() } }

  private static func endShared() {
    guard case .success(let fixture) = started, !Target.isForeign else { return }
    let leaks = fixture.tearDown()
    guard !leaks.isEmpty else { return }
    let text =
      "the shared engine left behind (folder kept: \(fixture.folder)):\n  " + leaks.joined(separator: "\n  ") + "\n"
    Array(text.utf8).withUnsafeBytes { _ = Glibc.write(2, $0.baseAddress, $0.count) }
    _exit(1)
  }

  /// Starts an engine of ours, or takes the foreign one. `policy` is the text of engine.yaml, nil for the defaults.
  init(policy: String? = nil, importsImage: Bool = true) throws {
    let number = Self.counter.add(1, ordering: .relaxed).newValue
    folder = "\(Self.folderPrefix)\(getpid())-\(number)"
    try FileManager.default.createDirectory(atPath: "\(folder)/scratch", withIntermediateDirectories: true)
    if let policy {
      configuration = "\(folder)/engine.yaml"
      try policy.write(toFile: "\(folder)/engine.yaml", atomically: false, encoding: .utf8)
      chmod("\(folder)/engine.yaml", 0o600)
    } else {
      configuration = nil
    }
    if let foreign = Target.foreignSocket {
      socket = foreign
    } else {
      socket = "\(folder)/run/docker.sock"
    }
    do {
      if !Target.isForeign { try start() }
      if importsImage { try importBusybox() }
    } catch {
      // No fixture, no tear-down later: nothing but the log stays, for whoever looks for the reason.
      end(SIGKILL)
      Leftovers.end(folder: folder, keepsFiles: true)
      throw error
    }
  }

  var root: String { "\(folder)/root" }
  var run: String { "\(folder)/run" }
  var scratch: String { "\(folder)/scratch" }
  var log: String { "\(folder)/engine.log" }
  /// The engine's process, nil while it is not started.
  var process: pid_t? { engine.withLock { $0 } }

  // MARK: - The engine's life

  /// Starts the engine over the fixture's folders and blocks until it answers.
  func start(_ extra: [String] = []) throws {
    guard let program = Target.engineProgram else { throw Failure.noEngine }
    var arguments = [program, "engine", "--root", root, "--run", run]
    if let configuration { arguments += ["--config", configuration] }
    let process = try Subprocess.spawn(
      arguments + extra, input: "/dev/null", output: log, errors: log)
    engine.withLock { $0 = process }
    try String(process).write(toFile: "\(folder)/engine.pid", atomically: false, encoding: .utf8)
    let ready = Waiting.until(seconds: Self.startSeconds) {
      (try? request("GET", "/_ping").status) == 200 || waitpid(process, nil, WNOHANG) == process
    }
    guard ready, (try? request("GET", "/_ping").status) == 200 else {
      throw Failure.notReady(log: Subprocess.text(log))
    }
  }

  /// Sends the engine a signal and waits for its end; false when it does not end within the time of a stop.
  @discardableResult
  func end(_ signal: Int32) -> Bool {
    guard let process = engine.withLock({ $0 }) else { return true }
    kill(process, signal)
    let ended = Waiting.until(seconds: Self.stopSeconds) { waitpid(process, nil, WNOHANG) != 0 }
    if ended { engine.withLock { $0 = nil } }
    return ended
  }

  /// Removes every container, stops the engine and looks for what it left; the folder stays when there is anything.
  func tearDown() -> [String] {
    if Target.isForeign {
      try? FileManager.default.removeItem(atPath: folder)
      return []
    }
    var problems: [String] = []
    if process != nil {
      problems += removeEverything()
      if !end(SIGTERM) {
        problems.append("the engine did not end within \(Self.stopSeconds) s of SIGTERM")
        end(SIGKILL)
      }
    }
    problems += Leftovers.of(folder: folder, root: root)
    if problems.isEmpty { try? FileManager.default.removeItem(atPath: folder) }
    return problems
  }

  private func removeEverything() -> [String] {
    guard let containers = try? request("GET", "/containers/json?all=1").json.array else {
      return ["the engine did not list its containers at the end"]
    }
    for container in containers {
      _ = try? request("DELETE", "/containers/\(container["Id"].string ?? "")?force=1&v=1")
    }
    for network in (try? request("GET", "/networks").json.array) ?? [] {
      _ = try? request("DELETE", "/networks/\(network["Id"].string ?? "")")
    }
    let left = (try? request("GET", "/containers/json?all=1").json.array.count) ?? -1
    return left == 0 ? [] : ["\(left) containers could not be removed"]
  }

  /// Ends what fixtures of killed test processes left.
  private static func sweep() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/tmp")) ?? []
    for name in names where "/tmp/\(name)".hasPrefix(folderPrefix) {
      let folder = "/tmp/\(name)"
      guard let owner = pid_t(name.dropFirst("bulkhead-it-".count).prefix { $0 != "-" }), kill(owner, 0) != 0 else {
        continue
      }
      Leftovers.end(folder: folder)
    }
  }

  // MARK: - Clients

  /// One request on a connection of its own. `target` is without the version prefix.
  func request(_ method: String, _ target: String, body: String? = nil, version: String = "") throws -> HTTPAnswer {
    let connection = try RawConnection(socket, timeoutSeconds: 60)
    var head = "\(method) \(version)\(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    if let body { head += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n" }
    try connection.write(head + "\r\n" + (body ?? ""))
    guard let answer = HTTPAnswer(connection.readToEnd()) else { throw Failure.noAnswer("\(method) \(target)") }
    return answer
  }

  /// The docker CLI against this engine.
  func docker(_ arguments: String..., input: String? = nil) throws -> Subprocess.Outcome {
    try Subprocess.run(["docker"] + arguments, environment: environment, folder: scratch, input: input)
  }

  /// A shell script with `docker`, `api` (curl on the socket) and the variables of `environment`.
  func shell(_ script: String, name: String = "", deadlineSeconds: Int = 60) throws -> Subprocess.Outcome {
    var variables = environment
    variables["N"] = name
    let directory = "\(scratch)/\(UInt64.random(in: 0...UInt64.max))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let prelude = """
      api() { method=$1; target=$2; shift 2; curl -s --max-time 50 --unix-socket "$SOCKET" -X "$method" \
      -H 'Content-Type: application/json' "http://localhost$target" "$@"; }
      until_true() { i=0; until eval "$1"; do i=$((i+1)); [ $i -lt 400 ] || { echo "never: $1" >&2; return 1; }; \
      sleep 0.05; done; }

      """
    return try Subprocess.run(
      ["sh", "-euc", prelude + script], environment: variables, folder: scratch, directory: directory,
      deadlineSeconds: deadlineSeconds)
  }

  /// What clients need to find this engine.
  var environment: [String: String] {
    [
      "DOCKER_HOST": "unix://\(socket)", "SOCKET": socket, "CLIENT": Target.clientProgram, "SOURCES": Target.sources,
      "ENTER": Target.enter,
      "SCRATCH": scratch,
      "DOCKER_CONFIG": "\(scratch)/docker-config", "DOCKER_CLI_HINTS": "false",
    ]
  }

  /// The image of all tests: busybox with the probe.
  private func importBusybox() throws {
    let script = """
      $(command -v clang || command -v cc) -static -O1 -o probe "\(Target.sources)/Tests/IntegrationTests/Probe/probe.c"
      "\(Target.sources)/Benchmarks/busybox-rootfs" probe | docker import \
      -c 'CMD ["sh"]' -c 'ENV PATH=/bin:/sbin:/usr/bin:/usr/sbin' - busybox:latest
      """
    let outcome = try shell(script)
    guard outcome.status == 0 else { throw Failure.command("docker import", outcome) }
  }
}
