import Glibc
import LinuxSystem
import NIOCore

/// Writes response heads. Source: RFC 9112, section 4; RFC 9110, section 6.6.1 (Date).
enum ResponseEncoder {
  /// The head up to and with its empty line. Control characters in header values become spaces.
  static func head(status: HTTPStatus, headers: HTTPHeaders, framing: [(String, String)], into buffer: inout ByteBuffer)
  {
    buffer.writeStaticString("HTTP/1.1 ")
    buffer.writeString(String(status.code))
    buffer.writeStaticString(" ")
    buffer.writeString(status == .switchingProtocols ? "UPGRADED" : status.reasonPhrase)
    buffer.writeStaticString("\r\n")
    for (name, value) in headers { line(name, value, into: &buffer) }
    for (name, value) in framing { line(name, value, into: &buffer) }
    if status.code >= 200 {
      buffer.writeStaticString("Date: ")
      buffer.writeString(HTTPDate.now())
      buffer.writeStaticString("\r\n")
    }
    buffer.writeStaticString("\r\n")
  }

  /// The length of a whole body, where the status allows one and the response does not tell it itself.
  static func length(of bytes: [UInt8], in response: HTTPResponse) -> [(String, String)] {
    let isTold =
      response.status.code < 200 || response.status == .noContent || response.status == .notModified
      || response.headers.contains(name: "Content-Length")
    return isTold ? [] : [("Content-Length", String(bytes.count))]
  }

  private static func line(_ name: String, _ value: String, into buffer: inout ByteBuffer) {
    buffer.writeString(name)
    buffer.writeStaticString(": ")
    if value.utf8.contains(where: { $0 < 32 || $0 == 127 }) {
      buffer.writeBytes(value.utf8.lazy.map { $0 < 32 || $0 == 127 ? 32 : $0 })
    } else {
      buffer.writeString(value)
    }
    buffer.writeStaticString("\r\n")
  }
}

/// The date as HTTP writes it, made once a second. Source: RFC 9110, section 5.6.7.
enum HTTPDate {
  private static let cache = Locked<(second: Int, text: String)>((-1, ""))

  static func now() -> String {
    let second = time(nil)
    return cache.withLock { cached in
      if cached.second != second { cached = (second, text(second)) }
      return cached.text
    }
  }

  static func text(_ second: Int) -> String {
    var parts = tm()
    var value = second
    gmtime_r(&value, &parts)
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(1900 + parts.tm_year) "
      + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
  }
}
