import LinuxSystem
import Model

/// The records of a pax extended header, `<length> <key>=<value>\n` each (POSIX.1-2017 *pax Extended Header*).
package struct PaxRecords {
  private(set) var path: [UInt8]?
  private(set) var linkPath: [UInt8]?
  private(set) var sizeBytes: Int64?
  private(set) var uid: Int64?
  private(set) var gid: Int64?
  private(set) var modified: FileTime?
  private(set) var attributes: [(name: [UInt8], value: [UInt8])] = []

  private static let attributePrefix = Array("SCHILY.xattr.".utf8)
  private static let sparsePrefix = Array("GNU.sparse.".utf8)

  package init() {}

  package init(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      guard let space = rest.firstIndex(of: UInt8(ascii: " ")), space - rest.startIndex <= 8,
        let length = Self.decimal(rest[rest.startIndex..<space]), length >= 0, length <= rest.count,
        Int(length) > space - rest.startIndex + 1
      else { throw Self.malformed }
      let record = rest[(space + 1)..<(rest.startIndex + Int(length))]
      rest = rest[(rest.startIndex + Int(length))...]
      guard record.last == UInt8(ascii: "\n"), let equals = record.firstIndex(of: UInt8(ascii: "=")),
        equals > record.startIndex
      else { throw Self.malformed }
      try take(key: record[record.startIndex..<equals], value: record[(equals + 1)...].dropLast())
    }
  }

  /// An empty value takes back what an earlier record said.
  private mutating func take(key: ArraySlice<UInt8>, value: ArraySlice<UInt8>) throws {
    guard !key.contains(0) else { throw Self.malformed }
    switch String(decoding: key, as: UTF8.self) {
    case "path": path = try Self.name(value)
    case "linkpath": linkPath = try Self.name(value)
    case "size": sizeBytes = try Self.natural(value, "size")
    case "uid": uid = try Self.natural(value, "user id")
    case "gid": gid = try Self.natural(value, "group id")
    case "mtime": modified = value.isEmpty ? nil : try Self.time(value)
    default:
      if key.starts(with: Self.sparsePrefix) { throw Self.sparse }
      guard key.starts(with: Self.attributePrefix) else { return }
      let name = Array(key.dropFirst(Self.attributePrefix.count))
      attributes.removeAll { $0.name == name }
      attributes.append((name, Array(value)))
    }
  }

  package static let malformed = TarHeader.malformed("an extended header is not well formed")
  package static let sparse = PlatformError(
    .invalidArgument, "the archive holds a sparse file: write it without tar's --sparse option")

  private static func name(_ value: ArraySlice<UInt8>) throws -> [UInt8]? {
    if value.contains(0) { throw TarHeader.malformed("the name '\(TarEntry.printable(value))' has a zero byte") }
    return value.isEmpty ? nil : Array(value)
  }

  private static func natural(_ value: ArraySlice<UInt8>, _ what: String) throws -> Int64? {
    if value.isEmpty { return nil }
    guard let number = decimal(value) else { throw TarHeader.malformed("a \(what) is not a number") }
    if number < 0 { throw TarHeader.malformed("a \(what) is negative") }
    return number
  }

  /// `seconds[.fraction]`, also negative; digits behind nanoseconds do not count.
  private static func time(_ value: ArraySlice<UInt8>) throws -> FileTime {
    let parts = value.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard let seconds = decimal(parts[0]) else { throw TarHeader.malformed("a time is not a number") }
    guard TarHeader.plausibleSeconds.contains(seconds) else { throw TarHeader.malformed("a time is out of range") }
    var nanoseconds: Int64 = 0
    if parts.count > 1 {
      guard parts[1].allSatisfy({ (48...57).contains($0) }) else { throw TarHeader.malformed("a time is not a number") }
      let digits = Array(parts[1].prefix(9))
      nanoseconds = decimal(digits[...]) ?? 0
      for _ in digits.count..<9 { nanoseconds *= 10 }
      if value.first == UInt8(ascii: "-") && nanoseconds > 0 {
        return FileTime(seconds: seconds - 1, nanoseconds: UInt32(1_000_000_000 - nanoseconds))
      }
    }
    return FileTime(seconds: seconds, nanoseconds: UInt32(nanoseconds))
  }

  private static func decimal(_ digits: ArraySlice<UInt8>) -> Int64? {
    guard !digits.isEmpty, digits.count <= 20 else { return nil }
    return Int64(String(decoding: digits, as: UTF8.self))
  }
}
