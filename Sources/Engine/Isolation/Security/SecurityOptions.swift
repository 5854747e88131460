import Model

/// The items of `--security-opt`, read.
public struct SecurityOptions: Sendable, Equatable {
  /// Which system-call filter a client chose.
  public enum SeccompChoice: Sendable, Equatable {
    case standard
    case unconfined
    /// The text of a profile in docker's JSON form.
    case profile(String)
  }

  static let maximumOptions = 64

  /// nil: not said.
  public var noNewPrivileges: Bool?
  public var seccomp = SeccompChoice.standard
  /// The AppArmor profile's name; nil: not said.
  public var appArmor: String?
  /// Control groups writable inside (docker 28's `writable-cgroups`).
  public var writableCgroups = false

  public init() {}

  /// Reads `key=value`, `key:value` and `no-new-privileges`. Throws `invalidArgument` for a malformed item and
  /// `notImplemented` for options of systems that Bulkhead does not serve.
  public init(parsing options: [String]) throws {
    guard options.count <= Self.maximumOptions else {
      throw PlatformError(.invalidArgument, "more than \(Self.maximumOptions) security options")
    }
    for option in options { try take(option) }
  }

  private mutating func take(_ option: String) throws {
    let shown = option.prefix(100)
    if option == "no-new-privileges" {
      noNewPrivileges = true
      return
    }
    // Docker's older form has a colon; a profile's text may have both characters, so the first of either counts.
    guard let separator = option.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
      throw PlatformError(.invalidArgument, "invalid --security-opt 1: \"\(shown)\"")
    }
    let key = option[..<separator]
    let value = String(option[option.index(after: separator)...])
    switch key {
    case "no-new-privileges": noNewPrivileges = try Self.flag(value, option: shown)
    case "writable-cgroups": writableCgroups = try Self.flag(value, option: shown)
    case "seccomp":
      switch value {
      case "unconfined": seccomp = .unconfined
      case "builtin", "": seccomp = .standard
      default: seccomp = .profile(value)
      }
    case "apparmor": appArmor = value
    case "label":
      guard value == "disable" else {
        throw PlatformError(
          .notImplemented, "security option 'label=\(value.prefix(100))': SELinux labels are not supported")
      }
    case "credentialspec":
      throw PlatformError(.notImplemented, "security option 'credentialspec' is for Windows containers only")
    default:
      throw PlatformError(.invalidArgument, "invalid --security-opt 2: \"\(shown)\"")
    }
  }

  private static func flag(_ text: String, option: Substring) throws -> Bool {
    switch text.lowercased() {
    case "1", "t", "true": return true
    case "0", "f", "false": return false
    default: throw PlatformError(.invalidArgument, "invalid --security-opt 2: \"\(option)\"")
    }
  }
}
