import Glibc

/// What a program that ran to its end left.
public struct ProcessOutput: Sendable {
  public var status: ExitStatus
  public var stdout: [UInt8]
  public var stderr: [UInt8]
  /// Output beyond the bound was read and dropped.
  public var isTruncated: Bool
  /// The deadline passed and the program was stopped.
  public var isTimedOut: Bool

  public init(
    status: ExitStatus, stdout: [UInt8] = [], stderr: [UInt8] = [], isTruncated: Bool = false, isTimedOut: Bool = false
  ) {
    self.status = status
    self.stdout = stdout
    self.stderr = stderr
    self.isTruncated = isTruncated
    self.isTimedOut = isTimedOut
  }
}

extension ProcessSpawner {
  /// Runs a program to its end and collects its output. Blocks.
  ///
  /// What the program itself wrote is complete; what its descendants write after its end is not waited for.
  /// - Parameters:
  ///   - input: its standard input; nil is /dev/null. Mappings for 0, 1 and 2 in the request win.
  ///   - maxOutputBytes: kept of each of stdout and stderr.
  ///   - deadlineSeconds: after it the program gets TERM, and 2 s later KILL.
  public func run(
    _ request: ProcessRequest, input: [UInt8]? = nil, maxOutputBytes: Int = 1 << 20, deadlineSeconds: Double = 60
  ) throws -> ProcessOutput {
    let output = try OutputCollector(maxBytes: maxOutputBytes)
    let errors = try OutputCollector(maxBytes: maxOutputBytes)
    var request = request
    // A file in memory instead of a pipe: nothing to feed while it runs, and no SIGPIPE when it does not read.
    let inputFile = try input.map(MemoryFile.make)
    let standard = [(0, inputFile?.raw), (1, output.writeEnd.raw), (2, errors.writeEnd.raw)] as [(Int32, Int32?)]
    for (child, source) in standard where !request.descriptors.contains(where: { $0.child == child }) {
      if let source { request.descriptors.append(DescriptorMapping(child: child, source: source)) }
    }
    let process = try spawn(request)
    withExtendedLifetime(inputFile) {}
    return try ProcessWatch(process: process, output: output, errors: errors).finish(deadlineSeconds: deadlineSeconds)
  }
}
