import Model

/// The options of a tmpfs mount, as `--tmpfs` takes them.
enum TmpfsOptions {
  private static let opposites = [
    "exec": "noexec", "noexec": "exec", "suid": "nosuid", "nosuid": "suid", "dev": "nodev", "nodev": "dev", "rw": "ro",
    "ro": "rw", "atime": "noatime", "noatime": "atime", "diratime": "nodiratime", "nodiratime": "diratime",
    "relatime": "norelatime", "norelatime": "relatime", "strictatime": "nostrictatime",
    "nostrictatime": "strictatime", "sync": "async", "async": "sync",
  ]
  private static let values: Set<String> = [
    "size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge",
  ]
  private static let propagation: Set<String> = [
    "private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable",
  ]

  /// Later options win over earlier ones of the same meaning.
  static func effective(_ options: [String]) -> [String] {
    var result: [String] = []
    for option in options where option != "defaults" {
      let name = option.prefix { $0 != "=" }
      result.removeAll { earlier in
        earlier == option || earlier == opposites[option]
          || option.contains("=") && earlier.hasPrefix(name + "=")
      }
      result.append(option)
    }
    return result
  }

  /// Throws `invalidArgument` for an option that tmpfs(5) or mount(8) does not have.
  static func validate(_ text: String) throws {
    for option in text.split(separator: ",", omittingEmptySubsequences: true) {
      let name = String(option.prefix { $0 != "=" })
      let known =
        option.contains("=")
        ? values.contains(name) : opposites[name] != nil || propagation.contains(name) || name == "defaults"
      guard known else { throw PlatformError(.invalidArgument, "invalid tmpfs option \"\(option.prefix(100))\"") }
    }
  }
}
