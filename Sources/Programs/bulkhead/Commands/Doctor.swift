import ArgumentParser
import Glibc

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what this host offers and lacks, and what to do about it.",
    discussion: "Runs 'bulkheadd doctor', which needs no engine. Root sees more.")
  @Option(help: "table or json.") var format: String?

  /// Bytes of the report.
  private static let maximumReport = 1 << 20

  func validate() throws {
    guard [nil, "table", "json"].contains(format) else {
      throw ValidationError("--format '\(format ?? "")' is neither 'table' nor 'json'")
    }
  }

  func run() throws {
    let program = try Self.engineProgram()
    let (report, code) = try Self.output(of: [program, "doctor", "--format", "json"])
    if format == "json" {
      print(String(decoding: report, as: UTF8.self), terminator: "")
    } else {
      print(try Self.table(try Engine.decode(report)), terminator: "")
    }
    if code != 0 { throw ExitCode(code) }
  }

  static func table(_ report: JSONValue) throws(ClientError) -> String {
    let checks = report["checks"].items
    guard !checks.isEmpty else { throw ClientError("'bulkheadd doctor' reported nothing: run it by itself to see why") }
    let lines = checks.map { [$0.text("status").uppercased(), $0.text("title"), $0.text("found")] }
    var text = Listing.align([["STATUS", "CHECK", "FOUND"]] + lines)
    let advised = checks.filter { !$0.text("advice").isEmpty && $0.text("status") != "ok" }
    if !advised.isEmpty { text += "\nWhat to do:\n" }
    for check in advised { text += "  \(check.text("title")): \(check.text("advice"))\n" }
    return text
  }

  /// `bulkheadd` beside this program, else in PATH.
  private static func engineProgram() throws(ClientError) -> String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = buffer.withUnsafeMutableBytes { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        $0.baseAddress.map { readlink("/proc/self/exe", $0, Int(PATH_MAX)) } ?? -1
      }
    }
    var folders: [String] = []
    if length > 0 {
      let own = String(decoding: buffer[..<length], as: UTF8.self)
      folders.append(String(own[..<(own.lastIndex(of: "/") ?? own.startIndex)]))
    }
    folders += (environmentVariable("PATH") ?? "").split(separator: ":").map(String.init)
    for folder in folders where access(folder + "/bulkheadd", X_OK) == 0 { return folder + "/bulkheadd" }
    throw ClientError("'bulkheadd' is neither beside this program nor in PATH: install it, as it looks at the host")
  }

  /// Runs a program and returns what it wrote and its exit code.
  private static func output(of arguments: [String]) throws(ClientError) -> ([UInt8], Int32) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw ClientError("cannot make a pipe: \(describe(errno: errno))") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let words = arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var child: pid_t = 0
    let result = posix_spawn(&child, arguments[0], &actions, nil, words, environ)
    close(ends[1])
    defer { close(ends[0]) }
    guard result == 0 else { throw ClientError("cannot run '\(arguments[0])': \(describe(errno: result))") }
    var report: [UInt8] = []
    while report.count <= maximumReport {
      let piece = try readPiece(ends[0], upTo: 65_536)
      if piece.isEmpty { break }
      report += piece
    }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    return (report, status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F)
  }
}
