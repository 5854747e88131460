import ContainerEngine
import Model

extension JSONWriter {
  /// The `Mounts` of a container, as inspect and list show them.
  mutating func mounts(_ mounts: [MountPoint]) {
    list("Mounts", mounts) { writer, mount in
      writer.object { writer in
        writer.field("Type", mount.kind.rawValue)
        if let name = mount.volumeName { writer.field("Name", name) }
        writer.field("Source", mount.kind == .tmpfs ? "" : mount.source)
        writer.field("Destination", mount.destination)
        if mount.kind == .volume { writer.field("Driver", "local") }
        writer.field("Mode", mount.modeText)
        writer.field("RW", !mount.readOnly)
        writer.field("Propagation", mount.kind == .bind ? mount.propagation : "")
      }
    }
  }
}
