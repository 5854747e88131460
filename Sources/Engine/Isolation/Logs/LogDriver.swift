/// The log drivers the engine has.
public enum LogDriver: String, Sendable, CaseIterable {
  case jsonFile = "json-file"
  case local
  case journald
  case syslog
  case none

  /// Output is sent to a receiver on or off the host, beside the files.
  public var sendsOn: Bool { self == .journald || self == .syslog }

  /// The names `--log-opt` takes for it.
  var options: Set<String> {
    let files: Set<String> = ["max-size", "max-file", "max-age", "compress", "mode", "tag"]
    switch self {
    case .jsonFile, .local, .journald: return files.union(["labels", "env"])
    case .syslog: return files.union(["syslog-address", "syslog-facility", "syslog-format"])
    case .none: return []
    }
  }

  /// Names that docker takes for it and this engine has nothing behind, with what to say of them.
  var missingOptions: [String: String] {
    if self == .none { return [:] }
    var missing = [
      "max-buffer-size": "output waits in files, whose bounds are max-size and max-file",
      "labels-regex": "name the labels with 'labels'", "env-regex": "name the variables with 'env'",
    ]
    if self == .syslog {
      missing["labels"] = "put what you need into 'tag'"
      missing["env"] = missing["labels"]
      for name in ["syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key", "syslog-tls-skip-verify"] {
        missing[name] = "syslog over TLS is not supported"
      }
    }
    return missing
  }
}
