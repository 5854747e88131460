import CLinuxShim
import Glibc

/// A file system being configured (fsopen(2)): options one by one, without mount(2)'s limit of one page, and with
/// descriptors where paths would race.
public struct FileSystemContext: Sendable {
  // linux/mount.h
  private enum Command {
    static let setFlag: UInt32 = 0
    static let setString: UInt32 = 1
    static let setDescriptor: UInt32 = 5
    static let create: UInt32 = 6
  }
  private static let closeOnExec: UInt32 = 1

  private let context: Descriptor
  private let type: String

  /// - Parameter type: as in /proc/filesystems.
  public init(type: String) throws {
    self.type = type
    context = Descriptor(owning: try systemCall("fsopen", type) { bh_fsopen(type, Self.closeOnExec) })
  }

  /// Sets an option without a value.
  public func set(_ key: String) throws {
    try configure(key) { bh_fsconfig(context.raw, Command.setFlag, key, nil, 0) }
  }

  /// Sets an option to a text of at most 255 bytes.
  public func set(_ key: String, _ value: String) throws {
    try configure("\(key)=\(value)") { bh_fsconfig(context.raw, Command.setString, key, value, 0) }
  }

  /// Sets an option to an open file, where the file system knows that form.
  public func set(_ key: String, _ value: Descriptor) throws {
    try configure(key) { bh_fsconfig(context.raw, Command.setDescriptor, key, nil, value.raw) }
  }

  /// Creates the file system and returns a detached mount of it, to be placed by `MountAPI.moveMount`.
  public func mount(attributes: MountAttributes = []) throws -> Descriptor {
    try configure("") { bh_fsconfig(context.raw, Command.create, nil, nil, 0) }
    let raw = try systemCall("fsmount", type) {
      bh_fsmount(context.raw, Self.closeOnExec, UInt32(truncatingIfNeeded: attributes.rawValue))
    }
    return Descriptor(owning: raw)
  }

  private func configure(_ what: String, _ call: () -> Int32) throws {
    do {
      try systemCall("fsconfig", "\(type) \(what)", call)
    } catch let error as SystemError {
      // The kernel leaves the reason as text in the context.
      guard let reason = message() else { throw error }
      throw SystemError(errno: error.errno, operation: error.operation, subject: "\(error.subject): \(reason)")
    }
  }

  private func message() -> String? {
    let capacity = 1024
    let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      count = max(0, Glibc.read(context.raw, buffer.baseAddress, capacity))
    }
    return bytes.isEmpty ? nil : PathText.text(of: bytes.filter { $0 != UInt8(ascii: "\n") })
  }
}
