import LinuxSystem
import Model

/// Writes a tar archive to a stream: the same entries give the same bytes.
///
/// Plain ustar headers; a pax header goes before an entry only where ustar cannot hold something (a long name, a large
/// number, extended attributes). User and group names are left empty, times are whole seconds, as docker's layers have
/// them. One thread at a time.
public final class TarWriter {
  private static let bufferBytes = 256 << 10
  private static let block = TarHeader.blockBytes
  private static let maximumOctal7: Int64 = 0o7_777_777
  private static let maximumOctal11: Int64 = 0o77_777_777_777

  private let sink: (UnsafeRawBufferPointer) throws -> Void
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferBytes, alignment: 4096)
  private var filled = 0
  /// Bytes that the current entry still wants, and its padding behind them.
  private var remaining: Int64 = 0
  private var padding = 0

  /// - Parameter sink: takes the archive piece by piece; the memory is lent.
  public init(_ sink: @escaping (UnsafeRawBufferPointer) throws -> Void) { self.sink = sink }

  /// Writes to a descriptor in blocking mode.
  public convenience init(to descriptor: Descriptor) {
    self.init { try descriptor.write(all: $0) }
  }

  deinit { buffer.deallocate() }

  /// Starts an entry. A file's content follows by `write`, exactly `sizeBytes` of it.
  public func add(_ entry: TarEntry) throws {
    try endEntry()
    var name = entry.name
    if entry.kind == .directory && name.last != UInt8(ascii: "/") { name.append(UInt8(ascii: "/")) }
    let size = entry.kind == .file ? entry.sizeBytes : 0
    var records: [UInt8] = []
    let split = Self.split(name)
    if split == nil { Self.append("path", name, to: &records) }
    if entry.linkName.count > 100 { Self.append("linkpath", entry.linkName, to: &records) }
    if size > Self.maximumOctal11 { Self.append("size", String(size), to: &records) }
    if entry.uid > Self.maximumOctal7 { Self.append("uid", String(entry.uid), to: &records) }
    if entry.gid > Self.maximumOctal7 { Self.append("gid", String(entry.gid), to: &records) }
    let seconds = entry.modified.seconds
    if seconds < 0 || seconds > Self.maximumOctal11 { Self.append("mtime", String(seconds), to: &records) }
    for (attribute, value) in entry.attributes.sorted(by: { $0.name.lexicographicallyPrecedes($1.name) }) {
      Self.append(Array("SCHILY.xattr.".utf8) + attribute, value, to: &records)
    }
    if !records.isEmpty {
      let base = Array("PaxHeaders/".utf8) + name.prefix(80)
      var header = Header(name: base, type: UInt8(ascii: "x"), sizeBytes: Int64(records.count))
      header.mode = 0o644
      try write(header)
      try put(records)
      try pad(records.count)
    }
    var header = Header(name: split?.name ?? Array(name.prefix(100)), type: Self.type(entry.kind), sizeBytes: size)
    header.prefix = split?.prefix ?? []
    header.linkName = Array(entry.linkName.prefix(100))
    header.mode = entry.mode & 0o7777
    header.uid = min(entry.uid, Self.maximumOctal7)
    header.gid = min(entry.gid, Self.maximumOctal7)
    header.modified = min(max(seconds, 0), Self.maximumOctal11)
    if entry.kind == .characterDevice || entry.kind == .blockDevice { header.device = entry.device }
    header.sizeBytes = min(size, Self.maximumOctal11)
    try write(header)
    remaining = size
    padding = Int(-size & 511)
  }

  /// Content of the current entry.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard Int64(bytes.count) <= remaining else { throw PlatformError(.internal, "more content than the entry said") }
    remaining -= Int64(bytes.count)
    try put(bytes)
  }

  /// Content of the current entry.
  public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

  /// Zeroes for what is left of the current entry, where its file has become shorter meanwhile.
  public func fillRest() throws {
    let zeroes = [UInt8](repeating: 0, count: 64 << 10)
    while remaining > 0 { try write(Array(zeroes.prefix(Int(min(remaining, Int64(zeroes.count)))))) }
  }

  /// How much content the current entry still wants.
  public var missingBytes: Int64 { remaining }

  /// Ends the archive.
  public func finish() throws {
    try endEntry()
    try put([UInt8](repeating: 0, count: 2 * Self.block))
    try flush()
  }

  // MARK: - Parts

  private func endEntry() throws {
    guard remaining == 0 else { throw PlatformError(.internal, "less content than the entry said") }
    if padding > 0 { try put([UInt8](repeating: 0, count: padding)) }
    padding = 0
  }

  private func pad(_ count: Int) throws { try put([UInt8](repeating: 0, count: -count & 511)) }

  private func put(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try put($0) } }

  private func put(_ bytes: UnsafeRawBufferPointer) throws {
    if bytes.count > buffer.count - filled { try flush() }
    // Large pieces go out as they are, after what waits before them.
    if bytes.count >= buffer.count / 2 {
      try flush()
      return try sink(bytes)
    }
    UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyMemory(from: bytes)
    filled += bytes.count
  }

  private func flush() throws {
    if filled == 0 { return }
    let ready = filled
    filled = 0
    try sink(UnsafeRawBufferPointer(rebasing: buffer[..<ready]))
  }

  private struct Header {
    var name: [UInt8]
    var type: UInt8
    var sizeBytes: Int64
    var prefix: [UInt8] = []
    var linkName: [UInt8] = []
    var mode: UInt32 = 0
    var uid: Int64 = 0
    var gid: Int64 = 0
    var modified: Int64 = 0
    var device: DeviceNumber?
  }

  private func write(_ header: Header) throws {
    var bytes = [UInt8](repeating: 0, count: Self.block)
    func field(_ text: some Collection<UInt8>, _ offset: Int) {
      for (index, byte) in text.enumerated() { bytes[offset + index] = byte }
    }
    func octal(_ value: Int64, _ offset: Int, _ width: Int) {
      let digits = String(value, radix: 8)
      field(String(repeating: "0", count: max(0, width - 1 - digits.utf8.count)).utf8, offset)
      field(digits.utf8, offset + max(0, width - 1 - digits.utf8.count))
    }
    field(header.name, 0)
    octal(Int64(header.mode), 100, 8)
    octal(header.uid, 108, 8)
    octal(header.gid, 116, 8)
    octal(header.sizeBytes, 124, 12)
    octal(header.modified, 136, 12)
    bytes[156] = header.type
    field(header.linkName, 157)
    field("ustar\u{0}00".utf8, 257)
    if let device = header.device {
      octal(Int64(device.major & 0o7_777_777), 329, 8)
      octal(Int64(device.minor & 0o7_777_777), 337, 8)
    }
    field(header.prefix, 345)
    for index in 148..<156 { bytes[index] = UInt8(ascii: " ") }
    let sum = bytes.reduce(Int64(0)) { $0 + Int64($1) }
    octal(sum, 148, 7)
    bytes[154] = 0
    try put(bytes)
  }

  /// The name in ustar's two fields; nil where it does not fit.
  private static func split(_ name: [UInt8]) -> (prefix: [UInt8], name: [UInt8])? {
    if name.count <= 100 { return ([], name) }
    guard name.count <= 256 else { return nil }
    // The last slash that leaves a name of 1 to 100 bytes behind it and at most 155 before it.
    for index in name.indices.reversed() where name[index] == UInt8(ascii: "/") && index < name.count - 1 {
      if name.count - index - 1 > 100 { return nil }
      if index <= 155, index > 0, name.count - index - 1 <= 100 {
        return (Array(name[..<index]), Array(name[(index + 1)...]))
      }
    }
    return nil
  }

  private static func type(_ kind: TarEntryKind) -> UInt8 {
    switch kind {
    case .file: UInt8(ascii: "0")
    case .hardLink: UInt8(ascii: "1")
    case .symbolicLink: UInt8(ascii: "2")
    case .characterDevice: UInt8(ascii: "3")
    case .blockDevice: UInt8(ascii: "4")
    case .directory: UInt8(ascii: "5")
    case .fifo: UInt8(ascii: "6")
    }
  }

  private static func append(_ key: String, _ value: String, to records: inout [UInt8]) {
    append(Array(key.utf8), Array(value.utf8), to: &records)
  }

  private static func append(_ key: String, _ value: [UInt8], to records: inout [UInt8]) {
    append(Array(key.utf8), value, to: &records)
  }

  /// A record's length counts its own digits.
  private static func append(_ key: [UInt8], _ value: [UInt8], to records: inout [UInt8]) {
    let rest = key.count + value.count + 3
    var length = rest + 1
    while String(length).utf8.count + rest != length { length = String(length).utf8.count + rest }
    records += Array("\(length) ".utf8) + key + [UInt8(ascii: "=")] + value + [UInt8(ascii: "\n")]
  }
}
