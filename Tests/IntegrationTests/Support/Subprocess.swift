import FoundationEssentials
import Glibc

/// Runs programs and waits for their end, with a deadline that the `timeout` program keeps.
enum Subprocess {
  /// What a program left behind.
  struct Outcome: Sendable {
    /// Exit status as a shell tells it: 128 + signal for a killed one, 124 when the deadline passed.
    var status: Int32
    var output: String
    var errors: String
  }

  /// POSIX_SPAWN_SETSID and POSIX_SPAWN_SETSIGMASK of <spawn.h>, which the Glibc module does not export: signals to the tests'
  /// group stay there, and what the tests' own threads block reaches their programs.
  private static let newSession: Int16 = 0x80
  private static let ownSignalMask: Int16 = 0x08

  enum Failure: Error {
    case spawn(program: String, errno: Int32)
    case scratch(path: String, errno: Int32)
  }

  /// Runs `arguments[0]` (looked up in PATH) and blocks until it ends.
  ///
  /// Output goes through files in `folder`, so that a grandchild that keeps the stream open does not hold the test up.
  static func run(
    _ arguments: [String], environment: [String: String] = [:], folder: String, directory: String? = nil,
    input: String? = nil, deadlineSeconds: Int = 60
  ) throws -> Outcome {
    let stem = "\(folder)/\(UInt64.random(in: 0...UInt64.max))"
    let files = (input: "\(stem).in", output: "\(stem).out", errors: "\(stem).err")
    try (input ?? "").write(toFile: files.input, atomically: false, encoding: .utf8)
    defer { for file in [files.input, files.output, files.errors] { unlink(file) } }
    var whole = ["timeout", "--kill-after=5", "\(deadlineSeconds)"] + arguments
    if let directory { whole = ["env", "--chdir=\(directory)"] + whole }
    let process = try spawn(
      whole, environment: environment, input: files.input, output: files.output, errors: files.errors)
    return Outcome(
      status: wait(process), output: text(files.output), errors: text(files.errors))
  }

  /// Starts a program that goes on; the caller waits for it.
  static func spawn(
    _ arguments: [String], environment: [String: String] = [:], input: String, output: String, errors: String
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, newSession | ownSignalMask)
    var blocked = sigset_t()
    sigemptyset(&blocked)
    posix_spawnattr_setsigmask(&attributes, &blocked)
    let merged = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
    let argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    let envp: [UnsafeMutablePointer<CChar>?] = merged.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var process = pid_t()
    let code = posix_spawnp(&process, arguments[0], &actions, &attributes, argv, envp)
    guard code == 0 else { throw Failure.spawn(program: arguments[0], errno: code) }
    return process
  }

  /// Blocks until the child ends; its status as a shell tells it.
  static func wait(_ process: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : 128 + signal
  }

  /// Contents of a file as text, with what is not UTF-8 replaced; empty when it cannot be read.
  static func text(_ path: String) -> String {
    guard let data = try? Data(contentsOf: URL(filePath: path)) else { return "" }
    return String(decoding: data, as: UTF8.self)
  }
}
