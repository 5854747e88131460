import FoundationEssentials
import HTTPServing
import Testing

@testable import DockerAPI

/// Wire formats kept in files. Run the tests with `BULKHEAD_UPDATE_GOLDEN=1` to write them anew, and read the difference.
enum Golden {
  private static let folder = String(#filePath.dropLast("Golden.swift".count)) + "Golden/"

  static func read(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: folder + name)))
  }

  static func fields(_ name: String) throws -> JSONFields { try JSONFields(JSONParser.parse(try read(name))) }

  /// Compares JSON, laid out one member a line, with a file.
  static func expect(_ bytes: [UInt8], is name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    #expect(throws: Never.self, "not JSON", sourceLocation: sourceLocation) { try JSONParser.parse(bytes) }
    let text = layOut(bytes)
    if ProcessInfo.processInfo.environment["BULKHEAD_UPDATE_GOLDEN"] != nil {
      try Data(text).write(to: URL(filePath: folder + name))
    }
    let wanted = try read(name)
    #expect(
      String(decoding: text, as: UTF8.self) == String(decoding: wanted, as: UTF8.self), "differs from Golden/\(name)",
      sourceLocation: sourceLocation)
  }

  /// One member or element a line, indented, so that differences are readable.
  private static func layOut(_ bytes: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    var depth = 0
    var isInString = false
    var isEscaped = false
    func newLine() { output += [10] + [UInt8](repeating: 32, count: depth * 2) }
    for (index, byte) in bytes.enumerated() where isInString || byte != 10 {
      if isInString {
        output.append(byte)
        if isEscaped {
          isEscaped = false
        } else if byte == 92 {
          isEscaped = true
        } else if byte == 34 {
          isInString = false
        }
        continue
      }
      let next = index + 1 < bytes.count ? bytes[index + 1] : 0
      switch byte {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        output.append(byte)
        depth += 1
        if next != UInt8(ascii: "}"), next != UInt8(ascii: "]") { newLine() }
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        if let last = output.last, last != UInt8(ascii: "{"), last != UInt8(ascii: "[") { newLine() }
        output.append(byte)
      case UInt8(ascii: ","):
        output.append(byte)
        newLine()
      case UInt8(ascii: ":"): output += [byte, 32]
      default:
        output.append(byte)
        if byte == 34 { isInString = true }
      }
    }
    return output + [10]
  }
}
