import NIOCore

/// Reads request heads, line by line as they arrive, within the server's bounds.
///
/// Strict on purpose: lines end in CR LF, no folded lines, no bytes that RFC 9110 (section 5.5) does not allow. A pure
/// state machine without input or output. Source: RFC 9112, sections 2 to 5.
struct RequestHeadParser {
  private let configuration: HTTPServerConfiguration
  private var line: RequestLine?
  private var headers = HTTPHeaders()
  private var headerCount = 0
  private var usedBytes = 0
  private var scannedBytes = 0
  private var skippedEmptyLine = false

  init(configuration: HTTPServerConfiguration) {
    self.configuration = configuration
  }

  /// Whether any byte of a head was seen.
  var hasBegun: Bool { line != nil || scannedBytes > 0 }

  /// Takes complete lines off the buffer. Returns the head when its empty line came, nil when more bytes are needed;
  /// throws `HTTPRefusal`.
  mutating func parse(_ buffer: inout ByteBuffer) throws -> RequestHead? {
    while true {
      guard let lineBytes = try nextLineLength(buffer) else { return nil }
      let finished = try buffer.withUnsafeReadableBytes { bytes in
        try take(UnsafeRawBufferPointer(rebasing: bytes[..<(lineBytes - 2)]))
      }
      buffer.moveReaderIndex(forwardBy: lineBytes)
      if finished, let line {
        return try RequestHead(line: line, headers: headers, maxQueryItems: configuration.maxQueryItems)
      }
    }
  }

  /// The length of the first line with its CR LF, or nil where it has not come whole; throws beyond the bounds.
  private mutating func nextLineLength(_ buffer: ByteBuffer) throws -> Int? {
    let readable = buffer.readableBytes
    let length = try buffer.withUnsafeReadableBytes { bytes -> Int? in
      guard let end = bytes[scannedBytes...].firstIndex(of: 10) else { return nil }
      guard end > 0, bytes[end - 1] == 13 else { throw HTTPRefusal(.badRequest, "a line ends without CR LF") }
      return end + 1
    }
    let pending = length ?? readable
    if line == nil, pending > configuration.maxRequestLineBytes {
      throw HTTPRefusal(.uriTooLong, "the request line is longer than \(configuration.maxRequestLineBytes) bytes")
    }
    if usedBytes + pending > configuration.maxHeadBytes {
      throw HTTPRefusal(
        .requestHeaderFieldsTooLarge, "the request's head is longer than \(configuration.maxHeadBytes) bytes")
    }
    scannedBytes = length == nil ? readable : 0
    usedBytes += length ?? 0
    return length
  }

  /// Takes one line without its end; true when it was the empty line after the headers.
  private mutating func take(_ bytes: UnsafeRawBufferPointer) throws -> Bool {
    guard line != nil else {
      if bytes.isEmpty, !skippedEmptyLine {
        skippedEmptyLine = true
        return false
      }
      line = try Self.requestLine(bytes)
      return false
    }
    if bytes.isEmpty { return true }
    headerCount += 1
    guard headerCount <= configuration.maxHeaders else {
      throw HTTPRefusal(.requestHeaderFieldsTooLarge, "more than \(configuration.maxHeaders) headers")
    }
    let (name, value) = try Self.headerLine(bytes)
    headers.add(name: name, value: value)
    return false
  }

  static func requestLine(_ bytes: UnsafeRawBufferPointer) throws -> RequestLine {
    let parts = bytes.split(separator: 32, maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[0].isEmpty, parts[0].count <= 32, parts[0].allSatisfy(isTokenByte),
      parts[1].allSatisfy({ $0 > 32 && $0 < 127 })
    else { throw HTTPRefusal(.badRequest, "malformed request line") }
    let isHTTP10 = parts[2].elementsEqual("HTTP/1.0".utf8)
    guard isHTTP10 || parts[2].elementsEqual("HTTP/1.1".utf8) else {
      throw HTTPRefusal(.httpVersionNotSupported, "only HTTP/1.1 is spoken here")
    }
    var target = parts[1]
    if target.starts(with: "http://".utf8) {
      // Absolute form, which clients use with proxies: the authority is the Host header's business.
      target = target.dropFirst(7).drop { $0 != UInt8(ascii: "/") }
    }
    guard target.first == UInt8(ascii: "/"), !target.contains(UInt8(ascii: "#")) else {
      throw HTTPRefusal(.badRequest, "the request's target is not a path")
    }
    return RequestLine(
      method: HTTPMethod(rawValue: String(decoding: parts[0], as: UTF8.self)),
      target: String(decoding: target, as: UTF8.self), isHTTP10: isHTTP10)
  }

  static func headerLine(_ bytes: UnsafeRawBufferPointer) throws -> (name: String, value: String) {
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0, bytes[..<colon].allSatisfy(isTokenByte) else {
      throw HTTPRefusal(.badRequest, "malformed header line")
    }
    var value = bytes[(colon + 1)...]
    while let first = value.first, first == 32 || first == 9 { value = value.dropFirst() }
    while let last = value.last, last == 32 || last == 9 { value = value.dropLast() }
    guard value.allSatisfy({ ($0 >= 32 && $0 != 127) || $0 == 9 }) else {
      throw HTTPRefusal(.badRequest, "a header's value has a control character")
    }
    return (String(decoding: bytes[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
  }

  /// `tchar` of RFC 9110, section 5.6.2.
  static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
      UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
      true
    default: false
    }
  }
}
