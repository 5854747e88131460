import Glibc
import LinuxSystem

/// Builds archives byte by byte, so that tests can write what no proper tool would.
struct TarBytes {
  var bytes: [UInt8] = []

  /// A ustar header. Fields can be overwritten by `patch` before the checksum is made.
  static func header(
    _ name: [UInt8], type: Character = "0", size: Int64 = 0, mode: Int = 0o644, uid: Int = 0, gid: Int = 0,
    link: [UInt8] = [], modified: Int = 1_700_000_000, patch: (inout [UInt8]) -> Void = { _ in }
  ) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ bytes: some Collection<UInt8>, at offset: Int) {
      for (index, byte) in bytes.enumerated() { block[offset + index] = byte }
    }
    func octal(_ value: Int64, _ width: Int) -> [UInt8] {
      let digits = String(value, radix: 8)
      return Array((String(repeating: "0", count: max(0, width - 1 - digits.count)) + digits).utf8)
    }
    put(name.prefix(100), at: 0)
    put(octal(Int64(mode), 8), at: 100)
    put(octal(Int64(uid), 8), at: 108)
    put(octal(Int64(gid), 8), at: 116)
    put(octal(size, 12), at: 124)
    put(octal(Int64(modified), 12), at: 136)
    block[156] = type.asciiValue ?? 0
    put(link.prefix(100), at: 157)
    put(Array("ustar\0".utf8) + Array("00".utf8), at: 257)
    patch(&block)
    for index in 148..<156 { block[index] = 0x20 }
    let sum = block.reduce(0) { $0 + Int64($1) }
    put(octal(sum, 7) + [0, 0x20], at: 148)
    return block
  }

  static func padded(_ content: [UInt8]) -> [UInt8] {
    content + [UInt8](repeating: 0, count: -content.count & 511)
  }

  mutating func add(
    _ name: String, type: Character = "0", content: String = "", mode: Int = 0o644, uid: Int = 0, gid: Int = 0,
    link: String = ""
  ) {
    add(
      Array(name.utf8), type: type, content: Array(content.utf8), mode: mode, uid: uid, gid: gid, link: Array(link.utf8)
    )
  }

  mutating func add(
    _ name: [UInt8], type: Character = "0", content: [UInt8] = [], mode: Int = 0o644, uid: Int = 0, gid: Int = 0,
    link: [UInt8] = [], patch: (inout [UInt8]) -> Void = { _ in }
  ) {
    bytes += Self.header(
      name, type: type, size: Int64(content.count), mode: mode, uid: uid, gid: gid, link: link, patch: patch)
    bytes += Self.padded(content)
  }

  mutating func directory(_ name: String, mode: Int = 0o755) { add(name, type: "5", mode: mode) }
  mutating func symbolicLink(_ name: String, to target: String) { add(name, type: "2", mode: 0o777, link: target) }
  mutating func hardLink(_ name: String, to target: String) { add(name, type: "1", link: target) }

  static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
    let rest = Array(" \(key)=".utf8) + value + [0x0A]
    var length = rest.count + 1
    while String(length).utf8.count + rest.count != length { length = String(length).utf8.count + rest.count }
    return Array(String(length).utf8) + rest
  }

  /// A pax extended header for the entry that follows.
  mutating func extended(_ records: [(String, [UInt8])]) {
    add(Array("PaxHeaders/x".utf8), type: "x", content: records.flatMap { Self.record($0.0, $0.1) })
  }

  mutating func extended(_ records: [(String, String)]) { extended(records.map { ($0.0, Array($0.1.utf8)) }) }

  /// The archive with its two closing blocks.
  var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }
}

/// A scratch folder that goes away with the test, with a directory `root` inside.
final class Scratch: Sendable {
  let path: String
  var root: String { path + "/root" }

  init() throws {
    path = "/tmp/layers-test-\(UInt64.random(in: .min ... .max))"
    try FileSystem.makeDirectory(path, mode: 0o700)
    try FileSystem.makeDirectory(path + "/root", mode: 0o755)
    // What a breakout would reach.
    try FileSystem.makeDirectory(path + "/etc", mode: 0o755)
    try FileSystem.atomicWrite(path + "/etc/passwd", Array("host".utf8), mode: 0o600, durable: false)
  }

  deinit { try? FileSystem.removeTree(path) }

  /// Everything in the scratch folder outside the root, to see that it did not change.
  func outside() throws -> [String] {
    let names = try FileSystem.list(path) + FileSystem.list(path + "/etc")
    var status = stat()
    lstat(path + "/etc/passwd", &status)
    return names + ["links \(status.st_nlink)", "mode \(status.st_mode)", "size \(status.st_size)"]
  }

  func status(_ name: String) -> stat? {
    var status = stat()
    return lstat(root + "/" + name, &status) == 0 ? status : nil
  }

  func text(_ name: String) throws -> String {
    String(decoding: try FileSystem.read(root + "/" + name, maxBytes: 1 << 20), as: UTF8.self)
  }

  func attributes(_ name: String) throws -> [String] {
    try Descriptor.open(root + "/" + name, flags: O_PATH | O_NOFOLLOW).listxattr()
  }
}
