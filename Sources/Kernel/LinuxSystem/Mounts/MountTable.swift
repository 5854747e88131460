import Glibc

/// One mount as /proc/PID/mountinfo shows it (proc_pid_mountinfo(5)).
public struct MountRecord: Sendable, Hashable {
  public var id: Int
  public var parentID: Int
  public var device: DeviceNumber
  /// Which directory of the file system is mounted.
  public var root: String
  public var mountPoint: String
  /// Options of the mount: "ro", "nosuid", …
  public var options: [String]
  /// "shared:N", "master:N", …
  public var propagation: [String]
  public var type: String
  public var source: String
  /// Options of the file system.
  public var superOptions: [String]
}

/// The mounts of a mount namespace.
public enum MountTable {
  /// Bytes of the table; one line is about 150.
  private static let maxBytes = 64 << 20

  /// The mounts that the calling thread sees, in order of mounting.
  public static func read() throws -> [MountRecord] {
    try parse(FileSystem.read("/proc/thread-self/mountinfo", maxBytes: maxBytes))
  }

  /// The mount that holds a path without links: the one with the longest mount point above it, the last where several are.
  public static func holding(_ path: String) throws -> MountRecord? { holding(path, in: try read()) }

  static func holding(_ path: String, in mounts: [MountRecord]) -> MountRecord? {
    let above = mounts.filter {
      $0.mountPoint == "/" || path == $0.mountPoint || path.hasPrefix($0.mountPoint + "/")
    }
    let longest = above.map(\.mountPoint.utf8.count).max()
    return above.last { $0.mountPoint.utf8.count == longest }
  }

  /// - Throws: EINVAL for a line that is no mount.
  public static func parse(_ bytes: [UInt8]) throws -> [MountRecord] {
    try bytes.split(separator: UInt8(ascii: "\n")).map { line in
      guard let record = record(line) else {
        throw SystemError(errno: EINVAL, operation: "parse", subject: "mountinfo: \(PathText.text(of: line))")
      }
      return record
    }
  }

  private static func record(_ line: ArraySlice<UInt8>) -> MountRecord? {
    let fields = line.split(separator: UInt8(ascii: " ")).map(unescaped)
    guard fields.count >= 9, let separator = fields[6...].firstIndex(of: "-"), fields.count >= separator + 3,
      let id = Int(fields[0]), let parentID = Int(fields[1])
    else { return nil }
    let numbers = fields[2].split(separator: ":").compactMap { UInt32($0) }
    if numbers.count != 2 { return nil }
    let superOptions = fields.count > separator + 3 ? fields[separator + 3] : ""
    return MountRecord(
      id: id, parentID: parentID, device: DeviceNumber(major: numbers[0], minor: numbers[1]), root: fields[3],
      mountPoint: fields[4], options: list(fields[5]), propagation: Array(fields[6..<separator]),
      type: fields[separator + 1], source: fields[separator + 2], superOptions: list(superOptions))
  }

  private static func list(_ text: String) -> [String] {
    text.split(separator: ",").map(String.init)
  }

  /// Space, tab, newline and backslash are written as three octal digits.
  private static func unescaped(_ field: ArraySlice<UInt8>) -> String {
    let backslash = UInt8(ascii: "\\")
    if !field.contains(backslash) { return PathText.text(of: field) }
    var result: [UInt8] = []
    var rest = field
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      if byte == backslash, digits.count == 3, let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8) {
        result.append(code)
        rest = rest.dropFirst(3)
      } else {
        result.append(byte)
      }
    }
    return PathText.text(of: result)
  }
}
