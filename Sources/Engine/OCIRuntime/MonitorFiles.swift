import Glibc
import LinuxSystem
import Model

/// What conmon leaves and listens to in a container's bundle folder.
public struct MonitorFiles: Sendable {
  public let bundle: String
  public let exitFile: String

  public init(bundle: String, exitDirectory: String, id: ContainerID) {
    self.bundle = bundle
    self.exitFile = "\(exitDirectory)/\(id.hex)"
  }

  /// The container's exit code, nil when conmon has not written one.
  public func exitCode() throws -> Int32? {
    guard FileSystem.exists(exitFile) else { return nil }
    let text = String(decoding: try FileSystem.read(exitFile, maxBytes: 64), as: UTF8.self)
    return Int32(text.trimmedLine)
  }

  /// Whether the kernel killed a process of the container for want of memory.
  public var sawOutOfMemory: Bool { FileSystem.exists("\(bundle)/oom") }

  /// Connects to the container's standard streams.
  ///
  /// Received packets begin with a byte that tells the stream (2: stdout, 3: stderr); sent packets go to stdin.
  public func connectStreams() throws -> Descriptor {
    try UnixSocket.connect("\(bundle)/attach", type: .seqpacket)
  }

  /// Sets the terminal's size.
  public func resize(height: Int, width: Int) throws { try control("1 \(height) \(width)\n") }

  /// Makes conmon open its log file anew, after it was renamed.
  public func reopenLog() throws { try control("2 0 0\n") }

  private func control(_ command: String) throws {
    let pipe = try Descriptor.open("\(bundle)/ctl", flags: O_WRONLY | O_NONBLOCK)
    try pipe.write(all: Array(command.utf8))
  }
}
