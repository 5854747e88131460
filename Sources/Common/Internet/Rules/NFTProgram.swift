import LinuxSystem
import Model

/// The program `nft`, in the caller's network namespace. Blocking.
public enum NFTProgram {
  private static let programs = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"]
  private static let deadlineSeconds = 30.0
  /// A ruleset with sets of some hundred thousand addresses.
  public static let maximumRulesetBytes = 32 << 20

  /// Loads a text in one transaction; throws `unavailable` where nft is missing or refuses it.
  public static func load(_ text: String) throws { try run(["-f", "-"], input: text) }

  /// Lets nft and the kernel check a text without loading it.
  public static func check(_ text: String) throws { try run(["-c", "-f", "-"], input: text) }

  /// All rules of the namespace, without counters.
  /// - Throws: `unavailable` where there are more than `maximumRulesetBytes`.
  public static func ruleset() throws -> String {
    guard let text = try ruleset(maxBytes: maximumRulesetBytes) else {
      throw PlatformError(.unavailable, "the host's firewall rules cannot be judged: \(tooLong)")
    }
    return text
  }

  /// The same; nil where there are more bytes of them: half a ruleset would say of closed ports that they are open.
  public static func ruleset(maxBytes: Int) throws -> String? {
    try run(["--stateless", "list", "ruleset"], input: "", maxBytes: maxBytes)
  }

  public static let tooLong = "they are longer than \(maximumRulesetBytes >> 20) MiB"

  /// nil where the output is longer.
  @discardableResult
  private static func run(
    _ arguments: [String], input: String, maxBytes: Int = maximumRulesetBytes
  ) throws -> String? {
    guard let program = programs.first(where: FileSystem.exists) else {
      throw PlatformError(.unavailable, "the program nft was not found; install the package nftables")
    }
    let output = try LinuxProcessSpawner().run(
      ProcessRequest(executable: program, arguments: ["nft"] + arguments), input: Array(input.utf8),
      maxOutputBytes: maxBytes, deadlineSeconds: deadlineSeconds)
    guard output.status.isSuccess else {
      throw PlatformError(
        .unavailable, "failed to work with the firewall rules: nft refused them; see bulkhead doctor",
        context: ["stderr": String(decoding: output.stderr.prefix(2_000), as: UTF8.self)])
    }
    return output.isTruncated ? nil : String(decoding: output.stdout, as: UTF8.self)
  }
}
