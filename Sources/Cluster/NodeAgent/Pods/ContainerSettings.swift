import HTTPServing
import KubeMachinery
import KubeResources

/// Makes of a container's specification what the runtime is asked for.
struct ContainerSettings {
  let pod: PodDocument
  let container: ContainerDocument
  let node: NodeSettings

  func request(
    attempt: Int64, image: ImageRecord, variables: [EnvironmentVariable], mounts: [ContainerRequest.Mount],
    messageFile: String
  ) -> ContainerRequest {
    let values = Dictionary(variables.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    func expanded(_ name: String) -> [String] {
      container.document.listAt(name).compactMap(\.text).map { VariableExpansion.expand($0) { values[$0] } }
    }
    var request = ContainerRequest(name: container.name)
    request.attempt = attempt
    request.imageReference = image.reference
    request.image = container.image
    request.command = expanded("command")
    request.arguments = expanded("args")
    request.workingFolder = container.document.textAt("workingDir")
    request.environment = variables
    request.mounts = mounts
    request.labels = [
      RuntimeLabel.podName: pod.identity.name, RuntimeLabel.podNamespace: pod.identity.namespace,
      RuntimeLabel.podUID: pod.identity.uid, RuntimeLabel.containerName: container.name,
    ]
    request.annotations = [
      RuntimeLabel.image: container.image, RuntimeLabel.graceSeconds: String(pod.graceSeconds),
      RuntimeLabel.messagePath: container.document.textAt("terminationMessagePath"),
      RuntimeLabel.messagePolicy: container.document.textAt("terminationMessagePolicy"),
      RuntimeLabel.messageFile: messageFile,
    ]
    request.logPath = "\(container.name)/\(attempt).log"
    request.hasInput = container.document.flagAt("stdin")
    request.closesInputOnce = container.document.flagAt("stdinOnce")
    request.hasTerminal = container.document.flagAt("tty")
    request.processes =
      pod.spec.flagAt("hostPID") ? .host : pod.spec.flagAt("shareProcessNamespace") ? .pod : .container
    request.target = container.document.textAt("targetContainerName")
    request.security = SecuritySettings.container(container, of: pod)
    request.security.seccomp = request.security.seccomp.located(below: node.profiles)
    request.resources = ResourceSettings.request(
      container, of: pod, nodeMemoryBytes: node.capacity.memoryBytes)
    return request
  }
}
