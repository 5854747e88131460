import LinuxSystem
import Model

/// The 512 bytes of a tar header: POSIX ustar, old V7, and GNU's dialect.
///
/// Sources: POSIX.1-2017 *pax*, *ustar Interchange Format*; GNU tar manual, *Basic Tar Format*.
package struct TarHeader {
  package static let blockBytes = 512
  /// Times of files, seconds since 1970: some 35,000 years around it.
  package static let plausibleSeconds: ClosedRange<Int64> = -(1 << 40)...(1 << 40)

  package var name: [UInt8]
  package var linkName: [UInt8]
  package var type: UInt8
  package var mode: UInt32
  package var uid: Int64
  package var gid: Int64
  package var sizeBytes: Int64
  package var modifiedSeconds: Int64
  package var device: DeviceNumber

  /// nil for a block of zeroes, which ends an archive.
  package init?(_ block: UnsafeRawBufferPointer) throws {
    precondition(block.count == Self.blockBytes, "a header is one block")
    guard let stored = try Self.checksum(block) else { return nil }
    guard Self.hasSum(stored, block) else { throw Self.malformed("a header's checksum is wrong") }
    let isPOSIX = block[257..<263].elementsEqual([0x75, 0x73, 0x74, 0x61, 0x72, 0x00])
    let isGNU = block[257..<263].elementsEqual([0x75, 0x73, 0x74, 0x61, 0x72, 0x20])
    name = Self.text(block[0..<100])
    if isPOSIX {
      let prefix = Self.text(block[345..<500])
      if !prefix.isEmpty { name = prefix + [UInt8(ascii: "/")] + name }
    }
    linkName = Self.text(block[157..<257])
    type = block[156]
    mode = UInt32(truncatingIfNeeded: try Self.number(block[100..<108], "mode")) & 0o7777
    uid = try Self.number(block[108..<116], "user id")
    gid = try Self.number(block[116..<124], "group id")
    sizeBytes = try Self.number(block[124..<136], "size")
    modifiedSeconds = try Self.number(block[136..<148], "time", mayBeNegative: true)
    guard Self.plausibleSeconds.contains(modifiedSeconds) else { throw Self.malformed("a time is out of range") }
    device = DeviceNumber(major: 0, minor: 0)
    if isPOSIX || isGNU, type == UInt8(ascii: "3") || type == UInt8(ascii: "4") {
      device = DeviceNumber(
        major: UInt32(clamping: try Self.number(block[329..<337], "device")),
        minor: UInt32(clamping: try Self.number(block[337..<345], "device")))
    }
  }

  package static func malformed(_ reason: String) -> PlatformError {
    PlatformError(.invalidArgument, "the archive is damaged or no tar archive: \(reason)")
  }

  /// The stored checksum; nil for a block of zeroes.
  private static func checksum(_ block: UnsafeRawBufferPointer) throws -> Int64? {
    if block[0] == 0, block.allSatisfy({ $0 == 0 }) { return nil }
    return try number(block[148..<156], "checksum")
  }

  /// The checksum's own bytes count as spaces. Some old programs added signed bytes.
  private static func hasSum(_ stored: Int64, _ block: UnsafeRawBufferPointer) -> Bool {
    var unsigned: Int64 = 0
    var signed: Int64 = 0
    for index in 0..<blockBytes {
      let byte = (148..<156).contains(index) ? UInt8(ascii: " ") : block[index]
      unsigned += Int64(byte)
      signed += Int64(Int8(bitPattern: byte))
    }
    return stored == unsigned || stored == signed
  }

  private static func text(_ field: Slice<UnsafeRawBufferPointer>) -> [UInt8] { Array(field.prefix { $0 != 0 }) }

  /// A number in octal digits, or in GNU's binary form (first bit set), which may be negative.
  private static func number(
    _ field: Slice<UnsafeRawBufferPointer>, _ what: String, mayBeNegative: Bool = false
  ) throws -> Int64 {
    guard let first = field.first else { return 0 }
    var value: Int64 = 0
    if first & 0x80 != 0 {
      let isNegative = first & 0x40 != 0
      var bytes = Array(field)
      bytes[0] = isNegative ? first : first & 0x7F
      value = isNegative ? -1 : 0
      for byte in bytes {
        let (shifted, overflow) = value.multipliedReportingOverflow(by: 256)
        // Out of range is far over every limit, which the caller's check will say.
        if overflow && !isNegative { return .max }
        if overflow { throw malformed("a \(what) is out of range") }
        value = shifted | Int64(byte)
      }
    } else {
      let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == 0 }
      let digits = field.drop(while: { $0 == UInt8(ascii: " ") }).prefix { !isBlank($0) }
      for digit in digits {
        guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit), value < Int64.max >> 4 else {
          throw malformed("a \(what) is not a number")
        }
        value = value << 3 | Int64(digit - UInt8(ascii: "0"))
      }
    }
    if value < 0 && !mayBeNegative { throw malformed("a \(what) is negative") }
    return value
  }
}
