import CRIProtocol
import ContainerEngine
import Model

/// Calls that give the address of a stream.
extension CRIService {
  func addStreams(_ handlers: inout GRPCHandlers) {
    handlers.on(CRIRuntime.exec) { [self] request in
      guard !request.cmd.isEmpty else { throw PlatformError(.invalidArgument, "cmd is empty") }
      var settings = ExecSettings(arguments: request.cmd)
      settings.terminal = request.tty
      settings.attachStdin = request.stdin
      settings.attachStdout = request.stdout
      settings.attachStderr = request.stderr && !request.tty
      settings.detachKeys = []
      var response = CRIExecResponse()
      response.url = try streaming.url(for: .exec(container: running(request.containerID), settings))
      return response
    }
    handlers.on(CRIRuntime.attach) { [self] request in
      let options = AttachOptions(
        stream: true, logs: false, stdin: request.stdin, stdout: request.stdout, stderr: request.stderr, detachKeys: [])
      var response = CRIAttachResponse()
      response.url = try streaming.url(for: .attach(container: running(request.containerID), options))
      return response
    }
    handlers.on(CRIRuntime.portForward) { [self] request in
      let record = try engine.sandbox(request.podSandboxID)
      guard record.state == .ready else {
        throw PlatformError(.conflict, "the pod sandbox \(record.id.short) is stopped")
      }
      let ports = try request.port.map { number in
        guard let port = UInt16(exactly: number), port > 0 else {
          throw PlatformError(.invalidArgument, "\(number) is not a port")
        }
        return port
      }
      var response = CRIPortForwardResponse()
      response.url = try streaming.url(for: .ports(sandbox: record.id, Set(ports)))
      return response
    }
  }

  private func running(_ reference: String) throws -> ContainerID {
    let record = try view(reference).record
    guard record.run.isRunning else {
      throw PlatformError(.conflict, "container \(record.id.short) does not run")
    }
    return record.id
  }
}
