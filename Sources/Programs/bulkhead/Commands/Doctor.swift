import ArgumentParser
import Glibc

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what this host offers and lacks, and what to do about it.",
    discussion: "Runs 'bulkheadd doctor', which needs no engine. Root sees more.")
  @Option(help: "table or json.") var format: String?

  func validate() throws {
    guard [nil, "table", "json"].contains(format) else {
      throw ValidationError("--format '\(format ?? "")' is neither 'table' nor 'json'")
    }
  }

  func run() throws {
    let (report, code) = try ChildProcess.run(Self.call, input: [])
    if format == "json" {
      print(String(decoding: report, as: UTF8.self), terminator: "")
    } else {
      print(try Self.table(try Engine.decode(report)), terminator: "")
    }
    if code != 0 { throw ExitCode(code) }
  }

  /// What `bulkheadd` says, without its complaints. Throws where it says nothing, or not by then.
  static func report(until deadline: Deadline) throws(ClientError) -> JSONValue {
    let (report, _) = try ChildProcess.run(call, input: [], until: deadline, isQuiet: true)
    guard !report.isEmpty else { throw ClientError("'bulkhead doctor' says why") }
    return try Engine.decode(report)
  }

  private static var call: [String] {
    get throws(ClientError) { [try engineProgram(), "doctor", "--format", "json"] }
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
}
