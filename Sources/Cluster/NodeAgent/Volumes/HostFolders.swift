import KubeMachinery
import KubeResources

/// Folders of the host that are made where they are missing. Source: Kubernetes *Volumes*, hostPath types.
enum HostFolders {
  /// What the runtime is to make for a container, as its policy allows. Throws `VolumeFiles.Failure`: files are not made.
  static func wanted(by container: ContainerDocument, of pod: PodDocument) throws -> [String] {
    let mounted = Set(container.document.listAt("volumeMounts").map { $0.textAt("name") })
    return try pod.spec.listAt("volumes").compactMap { volume -> String? in
      guard mounted.contains(volume.textAt("name")), case .host(let path, let type) = VolumeSource(volume) else {
        return nil
      }
      if type == "FileOrCreate" {
        throw VolumeFiles.Failure(
          message: "hostPath type FileOrCreate is not supported by this node: make \(path), and say File")
      }
      return type == "DirectoryOrCreate" ? path : nil
    }
  }
}
