import Glibc

/// Kernel parameters below /proc/sys; those of the network belong to the calling thread's namespace.
public enum Sysctl {
  /// The value without its final newline.
  /// - Parameter name: "net/ipv4/ip_forward" or "net.ipv4.ip_forward". In the dotted form, "/" stands for a dot inside a
  ///   name, as in sysctl(8).
  /// - Throws: ENOENT for an unknown one, EINVAL for a name that leaves /proc/sys.
  public static func read(_ name: String) throws -> String {
    let bytes = try FileSystem.read(path(of: name), maxBytes: Limits.kernelFileBytes)
    return PathText.text(of: bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...])
  }

  public static func write(_ name: String, _ value: String) throws {
    let path = try path(of: name)
    let file = try Descriptor.open(path, flags: O_WRONLY)
    try KernelFile.write(file, value, subject: path)
  }

  /// The file of a parameter.
  public static func path(of name: String) throws -> String {
    let firstSeparator = name.first { $0 == "." || $0 == "/" }
    let path = firstSeparator == "." ? String(name.map { $0 == "." ? "/" : $0 == "/" ? "." : $0 }) : name
    let components = path.split(separator: "/", omittingEmptySubsequences: false)
    if components.contains("") || components.contains(".") || components.contains("..") {
      throw SystemError(errno: EINVAL, operation: "open", subject: name)
    }
    return "/proc/sys/\(path)"
  }
}

/// Small files of the kernel, which take a value in one write and give it in one read.
enum KernelFile {
  static func write(_ file: Descriptor, _ text: String, subject: String) throws {
    var text = text
    _ = try text.withUTF8 { buffer in
      try systemCall("write", subject) { Glibc.write(file.raw, buffer.baseAddress, buffer.count) }
    }
  }
}
