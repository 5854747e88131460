import CLinuxShim
import Glibc

/// Watches files and directories for changes (inotify(7)).
public final class Inotify: Sendable {
  /// What is watched for and what happened (IN_*).
  public struct Events: OptionSet, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
      self.rawValue = rawValue
    }

    public static let modify = Events(rawValue: 0x2)
    public static let attributes = Events(rawValue: 0x4)
    public static let closeWrite = Events(rawValue: 0x8)
    public static let movedFrom = Events(rawValue: 0x40)
    public static let movedTo = Events(rawValue: 0x80)
    public static let create = Events(rawValue: 0x100)
    public static let delete = Events(rawValue: 0x200)
    public static let deleteSelf = Events(rawValue: 0x400)
    public static let moveSelf = Events(rawValue: 0x800)
    /// Events were lost: look at everything again.
    public static let overflow = Events(rawValue: 0x4000)
    /// The watch has ended.
    public static let ignored = Events(rawValue: 0x8000)
    /// Only to watch: fail unless it is a directory.
    public static let onlyDirectory = Events(rawValue: 0x0100_0000)
    /// Only to watch: do not follow a link.
    public static let noFollow = Events(rawValue: 0x0200_0000)
    /// The entry concerned is a directory.
    public static let isDirectory = Events(rawValue: 0x4000_0000)
  }

  public struct Event: Sendable, Hashable {
    public var watch: Int32
    public var events: UInt32
    /// The entry in a watched directory, nil for what is watched itself.
    public var name: String?

    public var kinds: Events { Events(rawValue: events) }
  }

  private static let bufferBytes = 16 << 10
  // struct inotify_event: wd (4), mask (4), cookie (4), len (4), name.
  private static let headerBytes = 16

  /// Readable when events wait; non-blocking.
  public let descriptor: Descriptor

  public init() throws {
    descriptor = Descriptor(owning: try systemCall("inotify_init1") { bh_inotify_create() })
  }

  /// Watches a path; a second watch on the same file replaces the first and has its number.
  public func add(_ path: String, _ events: Events) throws -> Int32 {
    try withPath(path, "inotify_add_watch") { pointer in
      try systemCall("inotify_add_watch", path) { bh_inotify_add(descriptor.raw, pointer, events.rawValue) }
    }
  }

  /// - Throws: EINVAL when the watch has ended by itself.
  public func remove(_ watch: Int32) throws {
    try systemCall("inotify_rm_watch") { bh_inotify_remove(descriptor.raw, watch) }
  }

  /// The events that wait now, at most a buffer of them; empty when none do.
  public func read() throws -> [Event] {
    let bytes: [UInt8]
    do {
      bytes = try [UInt8](unsafeUninitializedCapacity: Self.bufferBytes) { buffer, count in
        count = 0
        count = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
      }
    } catch let error as SystemError where error.errno == EAGAIN {
      return []
    }
    return try Self.parse(bytes)
  }

  static func parse(_ bytes: [UInt8]) throws -> [Event] {
    var result: [Event] = []
    try bytes.withUnsafeBytes { buffer in
      var offset = 0
      while offset < buffer.count {
        let rest = buffer.count - offset - headerBytes
        let length = rest < 0 ? 0 : Int(buffer.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
        if rest < length { throw SystemError(errno: EIO, operation: "read", subject: "inotify") }
        let start = offset + headerBytes
        let name = buffer[start..<start + length].prefix { $0 != 0 }
        result.append(
          Event(
            watch: buffer.loadUnaligned(fromByteOffset: offset, as: Int32.self),
            events: buffer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self),
            name: name.isEmpty ? nil : PathText.text(of: name)))
        offset = start + length
      }
    }
    return result
  }
}
