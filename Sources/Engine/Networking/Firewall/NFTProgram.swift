import LinuxSystem
import Model

/// The program `nft`, in the caller's network namespace. Blocking.
enum NFTProgram {
  private static let programs = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"]
  private static let deadlineSeconds = 30.0
  /// A ruleset of ten thousands of lines.
  private static let maximumRulesetBytes = 16 << 20

  /// Loads a text in one transaction; throws `unavailable` where nft is missing or refuses it.
  static func load(_ text: String) throws { _ = try run(["-f", "-"], input: text) }

  /// Lets nft and the kernel check a text without loading it.
  static func check(_ text: String) throws { _ = try run(["-c", "-f", "-"], input: text) }

  /// All rules of the namespace, without counters.
  static func ruleset() throws -> String { try run(["--stateless", "list", "ruleset"], input: "") }

  private static func run(_ arguments: [String], input: String) throws -> String {
    guard let program = programs.first(where: FileSystem.exists) else {
      throw PlatformError(.unavailable, "the program nft was not found; install the package nftables")
    }
    let output = try LinuxProcessSpawner().run(
      ProcessRequest(executable: program, arguments: ["nft"] + arguments), input: Array(input.utf8),
      maxOutputBytes: maximumRulesetBytes, deadlineSeconds: deadlineSeconds)
    guard output.status.isSuccess else {
      throw PlatformError(
        .unavailable, "failed to work with the firewall rules: nft refused them; see bulkhead doctor",
        context: ["stderr": String(decoding: output.stderr.prefix(2_000), as: UTF8.self)])
    }
    return String(decoding: output.stdout, as: UTF8.self)
  }
}
