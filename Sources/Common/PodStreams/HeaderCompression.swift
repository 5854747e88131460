import CZlib

/// Header blocks of SPDY: pairs of names and values, packed by one deflate stream for each direction of a connection, which begins with a
/// dictionary. Source: SPDY protocol, draft 3, section 2.6.10.
final class HeaderUnpacker {
  /// A block unpacked; the headers of pods' streams have some hundred bytes.
  static let maxBytes = 16 << 10
  private static let maxPairs = 64

  private var stream = z_stream()

  init() throws(StreamFault) {
    guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw StreamFault("no memory for the headers of streams")
    }
  }

  deinit { inflateEnd(&stream) }

  /// The pairs of a block; names in small letters, a name that is there twice is a fault.
  func unpack(_ block: [UInt8]) throws(StreamFault) -> [String: String] {
    var plain = PlainBlock(bytes: try inflated(block))
    let count = try plain.number()
    guard count <= Self.maxPairs else { throw StreamFault("a stream with \(count) headers") }
    var pairs: [String: String] = [:]
    for _ in 0..<count {
      let (name, value) = (try plain.text().lowercased(), try plain.text())
      guard pairs.updateValue(value, forKey: name) == nil else {
        throw StreamFault("a stream with the header '\(name)' twice")
      }
    }
    return pairs
  }

  private func inflated(_ block: [UInt8]) throws(StreamFault) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: Self.maxBytes)
    var (input, dictionary) = (block, HeaderDictionary.bytes)
    let (produced, isWhole) = input.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output -> (Int, Bool) in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = UInt32(output.count)
        var code = inflate(&stream, Z_SYNC_FLUSH)
        if code == Z_NEED_DICT {
          code = inflateSetDictionary(&stream, &dictionary, UInt32(dictionary.count))
          if code == Z_OK { code = inflate(&stream, Z_SYNC_FLUSH) }
        }
        return (output.count - Int(stream.avail_out), code == Z_OK && stream.avail_in == 0 && stream.avail_out > 0)
      }
    }
    guard isWhole else {
      throw StreamFault("headers of a stream that cannot be unpacked, or have over \(Self.maxBytes) bytes")
    }
    return Array(output.prefix(produced))
  }
}

final class HeaderPacker {
  private var stream = z_stream()

  init() throws(StreamFault) {
    var dictionary = HeaderDictionary.bytes
    guard
      deflateInit_(&stream, Z_BEST_SPEED, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK,
      deflateSetDictionary(&stream, &dictionary, UInt32(dictionary.count)) == Z_OK
    else { throw StreamFault("no memory for the headers of streams") }
  }

  deinit { deflateEnd(&stream) }

  func pack(_ pairs: KeyValuePairs<String, String>) -> [UInt8] {
    var input = pairs.count.bigEndianBytes(4)
    for (name, value) in pairs {
      for text in [name, value] { input += text.utf8.count.bigEndianBytes(4) + Array(text.utf8) }
    }
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(input.count))) + 64)
    let produced = input.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output -> Int in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = UInt32(output.count)
        let code = deflate(&stream, Z_SYNC_FLUSH)
        precondition(code == Z_OK && stream.avail_in == 0, "the output is longer than deflate's own bound")
        return output.count - Int(stream.avail_out)
      }
    }
    return Array(output.prefix(produced))
  }
}

/// Numbers and texts one after another.
private struct PlainBlock {
  let bytes: [UInt8]
  private var offset = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func number() throws(StreamFault) -> Int {
    guard bytes.count - offset >= 4 else { throw StreamFault("headers of a stream that end too early") }
    defer { offset += 4 }
    return bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | Int($1) }
  }

  mutating func text() throws(StreamFault) -> String {
    let length = try number()
    guard length <= bytes.count - offset else { throw StreamFault("headers of a stream that end too early") }
    defer { offset += length }
    return String(decoding: bytes[offset..<(offset + length)], as: UTF8.self)
  }
}

/// The words that both ends know beforehand.
enum HeaderDictionary {
  private static let words = """
    options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization \
    cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range \
    content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since \
    last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer \
    transfer-encoding upgrade user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public \
    set-cookie keep-alive origin
    """

  private static let codes = """
    100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505\
    203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden\
    404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable
    """

  private static let rest = """
    Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT\
    chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,\
    publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.
    """

  static let bytes: [UInt8] =
    words.split(separator: " ").flatMap { word -> [UInt8] in
      let text = word == "200_OK" ? "200 OK" : String(word)
      return text.utf8.count.bigEndianBytes(4) + Array(text.utf8)
    } + Array((codes + rest).utf8)
}
