import CRIProtocol
import ContainerEngine
import Model

/// What the runtime is and can do.
extension CRIService {
  func addRuntime(_ handlers: inout GRPCHandlers) {
    handlers.on(CRIRuntime.version) { [version] _ in
      var response = CRIVersionResponse()
      response.version = "0.1.0"
      response.runtimeName = "bulkhead"
      response.runtimeVersion = version
      response.runtimeApiVersion = "v1"
      return response
    }
    handlers.on(CRIRuntime.status) { [self] request in status(verbose: request.verbose) }
    handlers.on(CRIRuntime.runtimeConfig) { _ in
      var response = CRIRuntimeConfigResponse()
      response.linux.cgroupDriver = .cgroupfs
      return response
    }
    // The pods' range is the engine's own (`networks.pods` of its policy): what a client has decided is taken note of only.
    handlers.on(CRIRuntime.updateRuntimeConfig) { _ in CRIUpdateRuntimeConfigResponse() }
  }

  private func status(verbose: Bool) -> CRIStatusResponse {
    var response = CRIStatusResponse()
    response.status.conditions = ["RuntimeReady", "NetworkReady"].map { type in
      var condition = CRIRuntimeCondition()
      condition.type = type
      condition.status = true
      return condition
    }
    response.runtimeHandlers = ([""] + engine.runtimeNames).map { name in
      var handler = CRIRuntimeHandler()
      handler.name = name
      handler.features.recursiveReadOnlyMounts = true
      handler.features.userNamespaces = true
      return handler
    }
    response.features.supplementalGroupsPolicy = false
    if verbose {
      response.info = ["root": engine.configuration.root, "run": engine.configuration.run, "version": version]
    }
    return response
  }
}
