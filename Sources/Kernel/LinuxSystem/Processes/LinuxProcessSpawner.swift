import CLinuxShim
import Glibc

/// Spawns by clone(2) with CLONE_VM and CLONE_VFORK: no page tables are copied, whatever the size of the engine. The child
/// inherits the calling thread's namespaces, has default signal handling and only the descriptors it was given.
public struct LinuxProcessSpawner: ProcessSpawner {
  public init() {}

  public func spawn(_ request: ProcessRequest) throws -> SpawnedProcess {
    let mappings = try Self.mappings(of: request)
    let arguments = try CStringArray(request.arguments, "execve")
    let environment = try CStringArray(request.environment, "execve")
    let result = try withPath(request.executable, "execve") { executable in
      try withWorkingDirectory(request.workingDirectory) { directory in
        try mappings.withUnsafeBufferPointer { mappings in
          var call = bh_spawn_request()
          call.executable = executable
          call.arguments = UnsafePointer(arguments.pointer)
          call.environment = UnsafePointer(environment.pointer)
          call.working_directory = directory
          call.mappings = mappings.baseAddress
          call.mapping_count = mappings.count
          call.new_session = request.newSession ? 1 : 0
          call.parent_death_signal = request.parentDeathSignal ?? 0
          var pid: pid_t = -1
          var pidfd: Int32 = -1
          let code = bh_spawn(&call, &pid, &pidfd)
          if code != 0 {
            let operation = call.failed.map { String(cString: $0) } ?? "clone"
            let subject = operation == "chdir" ? request.workingDirectory ?? "" : request.executable
            throw SystemError(errno: code, operation: operation, subject: subject)
          }
          return SpawnedProcess(pid: pid, pidfd: Descriptor(owning: pidfd))
        }
      }
    }
    withExtendedLifetime((arguments, environment)) {}
    return result
  }

  private static func mappings(of request: ProcessRequest) throws -> [bh_descriptor_mapping] {
    let sorted = request.descriptors.sorted { $0.child < $1.child }
    let isUnique = zip(sorted, sorted.dropFirst()).allSatisfy { $0.child < $1.child }
    let isValid = sorted.allSatisfy { $0.child >= 0 && $0.source >= 0 }
    if !isUnique || !isValid || sorted.count > Limits.mappedDescriptors || request.arguments.isEmpty {
      throw SystemError(errno: EINVAL, operation: "spawn", subject: request.executable)
    }
    return sorted.map { bh_descriptor_mapping(child: $0.child, source: $0.source) }
  }

  private func withWorkingDirectory<Result>(
    _ path: String?, _ body: (UnsafePointer<CChar>?) throws -> Result
  ) throws -> Result {
    guard let path else { return try body(nil) }
    return try withPath(path, "chdir", body)
  }
}

/// A null-terminated array of C strings in one allocation for each string, freed with the object.
final class CStringArray {
  let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  /// - Throws: EINVAL for a text with a zero byte inside, E2BIG for one above `Limits.argumentBytes`.
  init(_ texts: [String], _ operation: String) throws {
    let encoded = texts.map { PathText.bytes(of: $0) }
    for (text, bytes) in zip(texts, encoded) {
      if bytes.contains(0) { throw SystemError(errno: EINVAL, operation: operation, subject: text) }
      if bytes.count >= Limits.argumentBytes {
        throw SystemError(errno: E2BIG, operation: operation, subject: String(text.prefix(80)))
      }
    }
    count = encoded.count
    pointer = .allocate(capacity: count + 1)
    for (index, bytes) in encoded.enumerated() {
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
      for (offset, byte) in bytes.enumerated() { copy[offset] = CChar(bitPattern: byte) }
      copy[bytes.count] = 0
      (pointer + index).initialize(to: copy)
    }
    (pointer + count).initialize(to: nil)
  }

  deinit {
    for index in 0..<count { pointer[index]?.deallocate() }
    pointer.deallocate()
  }
}
