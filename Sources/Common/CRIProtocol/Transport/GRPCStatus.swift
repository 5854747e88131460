/// How a call ended, and the error it throws where that is not `ok`. Source: gRPC's list of status codes.
package struct GRPCStatus: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Code: Int, Sendable, CaseIterable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16
  }

  package let code: Code
  /// For whoever reads it; callers branch on `code` only.
  package let message: String

  package init(_ code: Code, _ message: String = "") {
    self.code = code
    self.message = message
  }

  package static let ok = GRPCStatus(.ok)

  package var description: String { "\(code): \(message)" }
}

extension GRPCStatus {
  /// Messages longer than this many bytes are cut, so that they fit into a block of headers.
  static let maxMessageBytes = 4096

  /// The message as the header `grpc-message` carries it: what is not printable ASCII, and `%`, as percent escapes.
  static func encode(message: String) -> String {
    var output = ""
    for byte in message.utf8.prefix(maxMessageBytes) {
      if (0x20...0x7e).contains(byte), byte != UInt8(ascii: "%") {
        output.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        output += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return output
  }

  /// The message of a header `grpc-message`; escapes that are none stay as they are, bytes that are not UTF-8 are replaced.
  static func decode(message: String) -> String {
    let bytes = Array(message.utf8.prefix(3 * maxMessageBytes))
    var output: [UInt8] = []
    var place = 0
    while place < bytes.count {
      if bytes[place] == UInt8(ascii: "%"), place + 2 < bytes.count, let high = hexDigit(bytes[place + 1]),
        let low = hexDigit(bytes[place + 2])
      {
        output.append(high << 4 | low)
        place += 3
      } else {
        output.append(bytes[place])
        place += 1
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
  }

  /// What a peer means that answers with another HTTP status than 200. Source: gRPC's mapping of HTTP statuses.
  init(httpStatus: String) {
    let code: Code =
      switch httpStatus {
      case "400": .internal
      case "401": .unauthenticated
      case "403": .permissionDenied
      case "404": .unimplemented
      case "429", "502", "503", "504": .unavailable
      default: .unknown
      }
    self.init(code, "the peer answered with HTTP status \(httpStatus)")
  }
}
