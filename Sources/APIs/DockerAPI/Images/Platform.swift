import HTTPServing
import LinuxSystem
import Model

/// A platform as a client names it: `linux/amd64` in text, or `{"os":"linux","architecture":"amd64"}` in JSON.
struct Platform: Equatable {
  /// Go's names of architectures, which clients expect.
  private static let architectures = ["x86_64": "amd64", "aarch64": "arm64"]

  var system: String
  /// Nil: any.
  var architecture: String?
  var variant: String?

  static var hostArchitecture: String { goName(of: KernelInfo.machine()) }
  static func goName(of machine: String) -> String { architectures[machine] ?? machine }

  /// - Throws: `invalidArgument` for what is neither form.
  init(parsing text: String) throws {
    let malformed = PlatformError(
      .invalidArgument, "platform: '\(text.prefix(64))' is neither a form like linux/amd64 nor its JSON")
    if text.hasPrefix("{") {
      let fields: JSONFields
      do { fields = try JSONFields(JSONParser.parse(Array(text.utf8)), path: "platform") } catch { throw malformed }
      guard let system = try fields.text("os") else { throw fields.failure("os", "must name a system such as linux") }
      self.system = system
      architecture = try fields.text("architecture")
      variant = try fields.text("variant")
      fields.ignore("os.version", "os.features")
      try fields.finish()
      return
    }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard (1...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else { throw malformed }
    system = parts[0]
    architecture = parts.count > 1 ? parts[1] : nil
    variant = parts.count > 2 ? parts[2] : nil
  }

  /// Whether something of this system and architecture is what was asked for.
  func takes(system: String, architecture: String, variant: String?) -> Bool {
    self.system == system && self.architecture.map { $0 == architecture } ?? true
      && (self.variant == nil || variant == nil || self.variant == variant)
  }

  var description: String { [system, architecture, variant].compactMap { $0 }.joined(separator: "/") }
}
