import CRIProtocol
import ContainerEngine
import Model

/// The engine's sandboxes → the wire's form.
enum SandboxWriter {
  static func state(_ record: SandboxRecord) -> CRIPodSandboxState {
    record.state == .ready ? .sandboxReady : .sandboxNotready
  }

  static func metadata(_ record: SandboxRecord) -> CRIPodSandboxMetadata {
    var metadata = CRIPodSandboxMetadata()
    metadata.name = record.request.name
    metadata.uid = record.request.uid
    metadata.namespace = record.request.namespace
    metadata.attempt = record.request.attempt
    return metadata
  }

  static func summary(_ record: SandboxRecord) -> CRIPodSandbox {
    var sandbox = CRIPodSandbox()
    sandbox.id = record.id.hex
    sandbox.metadata = metadata(record)
    sandbox.state = state(record)
    sandbox.createdAt = record.createdAt
    sandbox.labels = record.request.labels
    sandbox.annotations = record.request.annotations
    sandbox.runtimeHandler = record.request.runtime ?? ""
    return sandbox
  }

  static func status(_ record: SandboxRecord) -> CRIPodSandboxStatus {
    var status = CRIPodSandboxStatus()
    status.id = record.id.hex
    status.metadata = metadata(record)
    status.state = state(record)
    status.createdAt = record.createdAt
    status.network.ip = record.endpoint?.address.description ?? ""
    status.linux.namespaces.options = namespaces(record)
    status.labels = record.request.labels
    status.annotations = record.request.annotations
    status.runtimeHandler = record.request.runtime ?? ""
    return status
  }

  /// The map is the one that holds, whatever was asked for: whoever makes files for the pod on a file system without id maps
  /// needs it.
  private static func namespaces(_ record: SandboxRecord) -> CRINamespaceOption {
    var options = CRINamespaceOption()
    options.network = record.request.usesHostNetwork ? .node : .pod
    options.ipc = record.request.usesHostIPC ? .node : .pod
    options.pid = record.request.usesHostPIDs ? .node : .container
    options.usernsOptions.mode = record.ids.isHost ? .node : .pod
    if !record.ids.isHost {
      var mapping = CRIIDMapping()
      mapping.hostID = record.ids.first
      mapping.length = record.ids.count
      options.usernsOptions.uids = [mapping]
      options.usernsOptions.gids = [mapping]
    }
    return options
  }

  static func info(_ record: SandboxRecord) -> String {
    """
    {"sandboxID":"\(record.id.hex)","runtimeHandler":"\(record.runtime)","firstHostID":\(record.ids.first)}
    """
  }
}
