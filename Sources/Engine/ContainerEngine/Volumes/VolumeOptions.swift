import Model

/// Options of the local driver, as docker's has them: `size`, a bound of the volume's files, or `type`, `device` and `o` of a
/// file system, of which this engine knows tmpfs.
struct VolumeOptions: Equatable {
  /// A volume whose files are in memory, as long as a container runs that has it.
  struct Memory: Equatable {
    /// For the kernel, in its own words: `size=…,mode=…,nr_inodes=…`.
    var settings: [(name: String, value: String)] = []
    /// Owner of the folder, by the ids that containers see.
    var user: UInt32 = 0
    var group: UInt32 = 0
    /// `ro`, `noexec`, `nosuid`, `nodev`.
    var flags: Set<String> = []

    static func == (left: Memory, right: Memory) -> Bool {
      left.settings.elementsEqual(right.settings, by: ==) && left.user == right.user && left.group == right.group
        && left.flags == right.flags
    }
  }

  static let minimumBytes: Int64 = 1 << 20
  private static let known: Set<String> = ["size", "type", "device", "o"]

  /// nil: no bound.
  var limitBytes: Int64?
  var memory: Memory?

  /// - Throws: `invalidArgument` for what docker's driver would refuse as well, `notImplemented` for file systems of other kinds.
  init(_ options: [String: String]) throws {
    for (name, value) in options.sorted(by: { $0.key < $1.key }) {
      guard Self.known.contains(name) else { throw Self.wrong("invalid option: \"\(name.prefix(64))\"") }
      guard value.utf8.count <= 4_096, !value.utf8.contains(0) else {
        throw Self.wrong("\(name): the value is too long")
      }
    }
    if let text = options["size"] { limitBytes = try Self.limit(text) }
    guard let type = options["type"] else {
      for name in ["device", "o"] where options[name] != nil { throw Self.wrong("missing required option: \"type\"") }
      return
    }
    guard options["device"] != nil else { throw Self.wrong("missing required option: \"device\"") }
    guard type == "tmpfs" else {
      throw PlatformError(
        .notImplemented,
        "volume option type=\(type.prefix(64)) is not supported: volumes of this engine are folders or tmpfs; bind a folder of the "
          + "host by -v /folder:/path")
    }
    guard limitBytes == nil else {
      throw Self.wrong("size: a volume in memory has its size in the option o, as o=size=64m")
    }
    memory = try Self.memory(options["o"] ?? "")
  }

  private static func limit(_ text: String) throws -> Int64? {
    guard let bytes = bytes(text) else {
      throw wrong("invalid size: '\(text.prefix(64))': expected a number with b, k, m, g, t or p, such as 10g")
    }
    if bytes == 0 { return nil }
    guard bytes >= minimumBytes else { throw wrong("invalid size: '\(text.prefix(64))': expected at least 1m") }
    return bytes
  }

  /// docker's grammar of sizes: a number, with a fraction where wanted, and a unit that is a power of 1,024.
  static func bytes(_ text: String) -> Int64? {
    guard text.utf8.count <= 32 else { return nil }
    var rest = text.lowercased()[...]
    let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    rest = rest.dropFirst(number.count)
    if rest.first == " " { rest.removeFirst() }
    var factor = 1.0
    if let unit = rest.first, let power = ["k", "m", "g", "t", "p"].firstIndex(of: String(unit)) {
      for _ in 0...power { factor *= 1_024 }
      rest.removeFirst()
      if rest.first == "i" { rest.removeFirst() }
    }
    if rest == "b" { rest = "" }
    guard rest.isEmpty, number.first?.isNumber == true, number.last?.isNumber == true, let value = Double(number) else {
      return nil
    }
    return Int64(exactly: (value * factor).rounded(.down))
  }

  // MARK: - tmpfs

  private static func memory(_ text: String) throws -> Memory {
    var memory = Memory()
    for option in text.split(separator: ",") {
      let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      switch (parts[0], parts.count == 2 ? parts[1] : nil) {
      case ("size", let value?):
        // A part of the memory where it ends with a percent sign, as for the kernel.
        let isShare = value.hasSuffix("%") && Int(value.dropLast()).map { (1...100).contains($0) } == true
        guard isShare || bytes(value) != nil else { throw wrong(option, "expected a size, as 64m") }
        memory.settings.append(("size", isShare ? value : String(bytes(value) ?? 0)))
      case ("nr_inodes", let value?):
        guard let count = bytes(value) else { throw wrong(option, "expected a number") }
        memory.settings.append(("nr_inodes", String(count)))
      case ("mode", let value?):
        guard let mode = UInt32(value, radix: 8), mode <= 0o7777 else { throw wrong(option, "expected octal digits") }
        memory.settings.append(("mode", String(mode, radix: 8)))
      case ("uid", let value?): memory.user = try id(value, option)
      case ("gid", let value?): memory.group = try id(value, option)
      case (let flag, nil) where ["ro", "noexec", "nosuid", "nodev"].contains(flag): memory.flags.insert(flag)
      case (let flag, nil) where ["rw", "exec", "suid", "dev"].contains(flag):
        memory.flags.remove(flag == "rw" ? "ro" : "no" + flag)
      default: throw wrong(option, "this engine does not know it for tmpfs")
      }
    }
    return memory
  }

  private static func id(_ text: String, _ option: Substring) throws -> UInt32 {
    guard let id = UInt32(text), id < IDRange.standardCount else {
      throw wrong(option, "expected an id below \(IDRange.standardCount)")
    }
    return id
  }

  private static func wrong(_ option: Substring, _ reason: String) -> PlatformError {
    wrong("invalid mount option 'o=\(option.prefix(64))': \(reason)")
  }

  private static func wrong(_ reason: String) -> PlatformError { PlatformError(.invalidArgument, reason) }
}
