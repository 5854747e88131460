import CRIProtocol
import ContainerEngine
import FoundationEssentials
import LinuxSystem
import Model

extension CRIService {
  /// Bytes of each output of an `ExecSync` that are kept; what comes after is dropped, as the interface wants it.
  private static let execSyncLimitBytes = 1 << 20
  /// Of all of them at once.
  static let execSyncBudgetBytes = 64 << 20
  private static let cutNote = Array("\n[what was written is longer than is kept and was cut]\n".utf8)

  func addContainers(_ handlers: inout GRPCHandlers) {
    handlers.on(CRIRuntime.createContainer) { [engine] request in
      let sandbox = try engine.sandbox(request.podSandboxID)
      let (pod, settings) = try ContainerReader(request.config, sandbox: sandbox).read()
      var response = CRICreateContainerResponse()
      response.containerID = try await engine.createContainer(pod, settings: settings).hex
      return response
    }
    handlers.on(CRIRuntime.startContainer) { [self] request in
      try await engine.startPodContainer(view(request.containerID).record.id.hex)
      return CRIStartContainerResponse()
    }
    handlers.on(CRIRuntime.stopContainer) { [self] request in
      try await idempotent {
        let seconds = Int(min(max(0, request.timeout), Int64(Int32.max)))
        try await engine.stopContainer(view(request.containerID).record.id.hex, signal: nil, timeoutSeconds: seconds)
      }
      return CRIStopContainerResponse()
    }
    handlers.on(CRIRuntime.removeContainer) { [self] request in
      try await idempotent {
        try await engine.removeContainer(view(request.containerID).record.id.hex, force: true, volumes: true)
      }
      return CRIRemoveContainerResponse()
    }
    handlers.on(CRIRuntime.listContainers) { [self] request in
      var response = CRIListContainersResponse()
      response.containers = views(request.filter).map { ContainerWriter.summary($0, engine) }
      return response
    }
    handlers.on(CRIRuntime.containerStatus) { [self] request in
      let view = try view(request.containerID)
      var response = CRIContainerStatusResponse()
      response.status = ContainerWriter.status(view, engine)
      if request.verbose { response.info = ["info": ContainerWriter.info(view)] }
      return response
    }
    handlers.on(CRIRuntime.updateContainerResources) { [self] request in
      let id = try view(request.containerID).record.id.hex
      let asked = request.linux
      try ResourceReader.check(asked)
      _ = try await engine.updateContainer(
        id, ContainerUpdate(resources: { ResourceReader.apply(asked, to: &$0) }, restart: nil))
      return CRIUpdateContainerResourcesResponse()
    }
    handlers.on(CRIRuntime.reopenContainerLog) { [self] request in
      try engine.reopenLog(view(request.containerID).record.id.hex)
      return CRIReopenContainerLogResponse()
    }
    handlers.on(CRIRuntime.execSync) { [self] request in try await execSync(request) }
  }

  private func execSync(_ request: CRIExecSyncRequest) async throws -> CRIExecSyncResponse {
    let id = try view(request.containerID).record.id.hex
    let output = ExecOutput(limitBytes: Self.execSyncLimitBytes, budget: execOutputs)
    let code = try await engine.runExec(
      id, arguments: request.cmd,
      timeoutSeconds: request.timeout > 0 ? Double(min(request.timeout, Int64(Int32.max))) : nil, into: output)
    guard let code else {
      throw GRPCStatus(.deadlineExceeded, "the command did not end within \(request.timeout) s and was killed")
    }
    var response = CRIExecSyncResponse()
    response.exitCode = code
    response.stdout = Data(output.stdout)
    response.stderr = Data(output.stderr + (output.isCut ? Self.cutNote : []))
    return response
  }

  /// A container of a pod; others are none of this interface's.
  func view(_ reference: String) throws -> ContainerView {
    let missing = PlatformError(.notFound, "no such container: \(reference.prefix(64))")
    do {
      let view = try engine.container(reference)
      guard view.record.pod != nil, view.record.id.hex.hasPrefix(reference) else { throw missing }
      return view
    } catch let error as PlatformError where error.code == .notFound {
      throw missing
    }
  }

  private func views(_ filter: CRIContainerFilter) -> [ContainerView] {
    engine.containers().filter { view in
      guard let pod = view.record.pod, view.record.id.hex.hasPrefix(filter.id),
        pod.sandbox.hex.hasPrefix(filter.podSandboxID)
      else { return false }
      if filter.hasState, ContainerWriter.state(view.record) != filter.state.state { return false }
      return filter.labelSelector.allSatisfy { pod.labels[$0.key] == $0.value }
    }
  }
}
