/// The log drivers the engine has.
public enum LogDriver: String, Sendable, CaseIterable {
  case jsonFile = "json-file"
  case local
  case journald
  case syslog
  case none

  /// The names `--log-opt` takes for it.
  public var options: Set<String> {
    let shared: Set<String> = ["mode", "max-buffer-size", "tag", "labels", "labels-regex", "env", "env-regex"]
    switch self {
    case .jsonFile: return shared.union(["max-size", "max-file", "max-age", "compress"])
    case .local: return shared.union(["max-size", "max-file", "max-age", "compress"])
    case .journald: return shared
    case .syslog:
      return shared.union([
        "syslog-address", "syslog-facility", "syslog-format",
      ])
    case .none: return []
    }
  }
}
