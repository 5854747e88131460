import Glibc
import LinuxSystem
import Model

extension SnapshotStore {
  /// Where `mountRootfs` leaves the root file system: always the same path, each time in another mount namespace.
  public var rootfsPath: String { mountsPath + "/rootfs" }

  /// Mounts a container's root file system at `rootfsPath`.
  ///
  /// Must run inside a `NamespaceThread` that has unshared its mount namespace with private or slave propagation and that
  /// ends afterwards or starts the container from there: the mount points are shared by all containers, and the thread's
  /// working directory changes. Each layer is cloned, id-mapped, and placed at a short relative name, so that hundreds fit
  /// into the kernel's one page of options. Sources: mount_setattr(2), the kernel's overlayfs.rst.
  ///
  /// The kernel allows one overlay for each writable layer at a time, whichever namespace it is in: a running container's
  /// files are reached through the container, never by a second mount.
  public func mountRootfs(_ plan: RootfsPlan) throws {
    guard !plan.layers.isEmpty, plan.layers.count <= Self.maximumLayers else {
      throw PlatformError(
        .invalidArgument, "an image has 1 to \(Self.maximumLayers) layers, this one has \(plan.layers.count)")
    }
    guard plan.ids.isHost == (plan.userNamespace == nil) else {
      throw PlatformError(.internal, "an id range and its user namespace go together")
    }
    for chainID in plan.layers where !hasLayer(chainID) {
      throw PlatformError(.notFound, "layer \(chainID) of the image is not in the store")
    }
    try translatingSystemErrors("mount the layers of container \(plan.container.short)") {
      try systemCall("chdir", mountsPath) { chdir(mountsPath) }
      for (index, chainID) in plan.layers.enumerated() {
        try placeLayer(layerPath(chainID), at: String(index), idmap: plan.userNamespace)
      }
    }
    try mountOverlay(plan)
  }

  /// The root file system of a container that is not running, mounted where nobody sees it; it goes with the descriptor.
  /// Blocks for some milliseconds.
  public func openDetached(_ plan: RootfsPlan) throws -> Descriptor {
    do {
      return try NamespaceThread.run(unsharing: .mount, propagation: .private) {
        try mountRootfs(plan)
        return try MountAPI.openTree("rootfs", clone: true)
      }
    } catch let error as SystemError {
      throw platformError("open the files of container \(plan.container.short)", error)
    }
  }

  /// Layers together, read only and mounted where nobody sees it; the mount goes with the descriptor. Ids are the image's.
  /// - Parameter layers: chain ids, lowest first; none is an empty directory.
  public func openMerged(_ layers: [Digest]) throws -> Descriptor {
    guard layers.count <= Self.maximumLayers else {
      throw PlatformError(.invalidArgument, "an image has \(Self.maximumLayers) layers at most")
    }
    for chainID in layers where !hasLayer(chainID) {
      throw PlatformError(.notFound, "layer \(chainID) of the image is not in the store")
    }
    return try translatingSystemErrors("open the files of an image") {
      if layers.count < 2 {
        return try Descriptor.open(layers.first.map(layerPath) ?? rootfsPath, flags: O_PATH | O_DIRECTORY)
      }
      return try NamespaceThread.run(unsharing: .mount, propagation: .private) {
        try systemCall("chdir", mountsPath) { chdir(mountsPath) }
        for (index, chainID) in layers.enumerated() {
          try placeLayer(layerPath(chainID), at: String(index), idmap: nil)
        }
        let lower = layers.indices.reversed().map(String.init).joined(separator: ":")
        try MountAPI.mount(
          source: "overlay", target: "rootfs", type: "overlay", flags: [.noDevices, .readOnly],
          data: "lowerdir=\(lower),redirect_dir=nofollow,metacopy=off,index=off,xino=off")
        return try MountAPI.openTree("rootfs", clone: true)
      }
    }
  }

  private func placeLayer(_ source: String, at name: String, idmap userNamespace: Descriptor?) throws {
    let tree = try MountAPI.openTree(source, clone: true, followLink: false)
    if let userNamespace {
      try MountAPI.setAttributes(tree, set: .readOnly, idmap: userNamespace)
    }
    do {
      try MountAPI.moveMount(from: tree, to: name)
    } catch let error as SystemError where error.errno == ENOENT {
      do {
        try FileSystem.makeDirectory(name, mode: 0o700)
      } catch let error as SystemError where error.errno == EEXIST {}
      try MountAPI.moveMount(from: tree, to: name)
    }
  }

  private func mountOverlay(_ plan: RootfsPlan) throws {
    let lower = plan.layers.indices.reversed().map(String.init).joined(separator: ":")
    let writable = "../writable/\(plan.container.hex)"
    let options = [
      "lowerdir=\(lower)", "upperdir=\(writable)/upper", "workdir=\(writable)/work",
      // Neither indirection may be steered by what an image or a container stored in attributes.
      "redirect_dir=nofollow", "metacopy=off", "index=off", "xino=off",
    ]
    do {
      // Ids that are not the host's may not reach the host's devices, whatever node they find.
      try MountAPI.mount(
        source: "overlay", target: "rootfs", type: "overlay", flags: plan.ids.isHost ? [] : .noDevices,
        data: options.joined(separator: ","))
    } catch let error as SystemError where error.errno == EBUSY {
      throw PlatformError(
        .conflict,
        "the files of container \(plan.container.short) are mounted already; the kernel allows one mount at a time",
        cause: error)
    } catch let error as SystemError where error.errno == ENOENT {
      throw PlatformError(.notFound, "container \(plan.container.short) has no writable layer", cause: error)
    } catch let error as SystemError {
      throw platformError("mount the root file system of container \(plan.container.short)", error)
    }
  }
}
