/// Readers of small text files of the host: pure, bounded by their callers' reading.
enum HostTexts {
  /// Lines of /etc/subuid or /etc/subgid (subuid(5)): `name:first:count`.
  static func subordinateRanges(_ text: String, file: String) -> [HostFacts.ForeignRange] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      guard fields.count == 3, let first = UInt64(fields[1]), let count = UInt64(fields[2]), count > 0,
        first <= UInt64(UInt32.max), count <= UInt64(UInt32.max)
      else { return nil }
      return HostFacts.ForeignRange(owner: "\(fields[0]) (\(file))", first: first, count: count)
    }
  }

  /// Ids of /etc/passwd or /etc/group lines: the third field of both.
  static func identities(_ text: String, file: String) -> [HostFacts.ForeignRange] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      guard fields.count >= 3, let id = UInt32(fields[2]) else { return nil }
      return HostFacts.ForeignRange(owner: "\(fields[0]) (\(file))", first: UInt64(id), count: 1)
    }
  }

  static func hasGroup(_ name: String, in text: String) -> Bool {
    text.split(separator: "\n").contains { $0.hasPrefix(name + ":") }
  }

  /// Chains that drop forwarded packets, from `nft list chains`; our own tables are left out.
  static func droppingChains(_ text: String) -> [String] {
    var table = ""
    var chain = ""
    var found: [String] = []
    for line in text.split(separator: "\n") {
      let words = line.split(whereSeparator: { " \t{;".contains($0) })
      if words.first == "table", words.count >= 3 {
        table = "\(words[1]) \(words[2])"
      } else if words.first == "chain", words.count >= 2 {
        chain = String(words[1])
      } else if words.contains("forward"), words.contains("hook"), let policy = words.firstIndex(of: "policy"),
        policy + 1 < words.count, words[policy + 1] == "drop", !table.contains("bulkhead")
      {
        found.append("\(table) \(chain)")
      }
    }
    return found
  }

  /// Names of the capabilities that `CapBnd` of /proc/self/status lacks, in the order of their numbers.
  static func missingCapabilities(status: String) -> [String] {
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("CapBnd:") }),
      let mask = UInt64(line.dropFirst(7).filter { $0.isHexDigit }, radix: 16)
    else { return [] }
    return capabilityNames.enumerated().filter { mask & (1 << UInt64($0.offset)) == 0 }.map { "CAP_" + $0.element }
  }

  private static let capabilityNames = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
  ]

  /// `MemTotal` of /proc/meminfo in bytes.
  static func memoryBytes(_ text: String) -> UInt64 {
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemTotal:") }),
      let kibibytes = UInt64(line.filter(\.isNumber))
    else { return 0 }
    return kibibytes << 10
  }

  /// The first words of a program's `--version` that hold a number: at most 60 characters of its first line.
  static func version(_ output: String, program: String) -> String? {
    guard var line = output.split(separator: "\n").first else { return nil }
    for prefix in [program, " ", "version", " "] where line.hasPrefix(prefix) { line = line.dropFirst(prefix.count) }
    let text = line.prefix(60)
    return text.contains(where: \.isNumber) ? String(text) : nil
  }
}
