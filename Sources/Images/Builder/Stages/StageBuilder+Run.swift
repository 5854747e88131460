import Dockerfile
import ImageCatalog
import Layers
import LinuxSystem
import Model

extension StageBuilder {
  func run(_ run: RunInstruction) async throws {
    guard run.security == .sandbox else {
      throw PlatformError(
        .forbidden,
        "step \(step.number): --security=insecure is refused: no build step gets more rights than a container")
    }
    let mounts = try run.resolvedMounts(expansion)
    let settings = try self.settings(run)
    let (arguments, script) = program(run)
    // Arguments that were declared, and the client's proxies, which count for nothing.
    var environment = variables.argumentNames.sorted().compactMap { name in variables.all[name].map { "\(name)=\($0)" }
    }
    let counted = environment.filter { item in
      !BuildArguments.proxyNames.contains(String(item.prefix { $0 != "=" }))
    }
    for name in BuildArguments.proxyNames.sorted() where variables.all[name] == nil {
      if let value = session.request.arguments[name] { environment.append("\(name)=\(value)") }
    }
    let digest = try await key(run, arguments, script, counted, mounts)
    let history = history(arguments)
    let image = try session.catalog.unregistered(state.config, layers: state.layers, chainIDs: state.chainIDs)
    guard !state.chainIDs.isEmpty else {
      throw PlatformError(
        .invalidArgument, "step \(step.number): RUN needs a base image; there is nothing to run in scratch")
    }
    let isTold = mounts.isEmpty && script == nil && !declared.contains { SecretNames.isSecret($0.name) }
    try await layer(digest, history: history, isTold: isTold) {
      let held = try await hold(mounts, script: script)
      let runStep = RunStep(
        image: image, arguments: arguments, environment: environment, settings: settings, mounts: held.mounts,
        secretEnvironment: held.secretEnvironment)
      return try await withReleased(held) { try await execute(runStep) }
    }
  }

  private func withReleased<Result>(_ held: HeldMounts, _ body: () async throws -> Result) async throws -> Result {
    defer { held.release() }
    return try await body()
  }

  private func execute(_ runStep: RunStep) async throws -> BuiltLayer {
    let box = LayerBox()
    let (session, step, chainIDs) = (session, step, state.chainIDs)
    let code = try await session.runner.run(
      runStep,
      started: { try await session.report(.running(step, container: $0)) },
      output: { try await session.report(.output(step, isError: $0, $1)) },
      harvest: { changes in
        box.set(
          try session.catalog.makeLayer(on: chainIDs, lease: session.lease) { output in
            try LayerDiffer.writeLayer(
              upper: changes.upper, ids: changes.ids, latestSeconds: session.epoch, to: output)
          })
      })
    guard code == 0 else {
      let command = runStep.arguments.joined(separator: " ")
      throw PlatformError(
        .invalidArgument, "The command '\(command.prefix(1_000))' returned a non-zero code: \(code)",
        context: ["exitCode": "\(code)"])
    }
    guard let layer = box.layer else { throw PlatformError(.internal, "a step ended without its changes") }
    return layer
  }

  private func settings(_ run: RunInstruction) throws -> StepSettings {
    var settings = session.request.settings
    switch run.network {
    case .default: break
    case .none: settings.network = .none
    case .host:
      // Who wrote the Dockerfile need not be who may use the host's network.
      guard settings.network == .host else {
        throw PlatformError(
          .forbidden, "step \(step.number): --network=host is refused: only the client can allow it, by --network host")
      }
    }
    return settings
  }

  /// What is run, and the script that a here-document brings along.
  private func program(_ run: RunInstruction) -> (arguments: [String], script: String?) {
    switch run.program {
    case .exec(let arguments): (arguments, nil)
    case .shell(let line): (state.shell + [line], nil)
    case .script(let name, let content): (state.shell + ["\(StepFolders.scriptFolder)/\(name)"], content)
    }
  }

  private func history(_ arguments: [String]) -> String {
    let shown = declared.filter { !BuildArguments.proxyNames.contains($0.name) }.sorted { $0.name < $1.name }
    let line = arguments.joined(separator: " ")
    if shown.isEmpty { return line }
    return "|\(shown.count) " + shown.map { SecretNames.shown($0.name, $0.value) }.joined(separator: " ") + " " + line
  }

  private func key(
    _ run: RunInstruction, _ arguments: [String], _ script: String?, _ environment: [String], _ mounts: [RunMount]
  ) async throws -> Digest {
    var key = StepKey("RUN")
    key.add(state.chainKey)
    key.add(arguments)
    key.add(script ?? "")
    key.add((state.execution.env ?? []).sorted())
    key.add(environment)
    key.add([
      state.execution.user ?? "", state.workingDirectory, run.network.rawValue, "\(session.request.settings.network)",
      session.epoch.map(String.init) ?? "",
    ])
    key.add(session.request.settings.extraHosts)
    for mount in mounts {
      key.add([
        mount.kind.rawValue, mount.target ?? "", mount.source ?? "", mount.id ?? "", "\(mount.isReadOnly)",
        mount.environmentName ?? "",
      ])
      guard mount.from != nil || mount.kind == .bind else { continue }
      switch try await origin(from: mount.from) {
      case .root(let state): key.add(state.chainKey)
      case .files(let context): try Self.add(context, CopyLayout.clean(mount.source ?? ""), to: &key)
      }
    }
    return key.digest()
  }

  private static func add(_ context: BuildContext, _ path: String, to key: inout StepKey) throws {
    let source = ContextSource(context: context)
    guard let node = try source.find(path, followLast: true) else { return }
    key.add(source.fingerprint(node) ?? "")
    guard node.kind == .directory else { return }
    for file in try source.below(node) { key.add([file.path, source.fingerprint(file) ?? ""]) }
  }

  // MARK: - Mounts

  private func hold(_ mounts: [RunMount], script: String?) async throws -> HeldMounts {
    let held = HeldMounts(folders: session.mounts)
    do {
      // Whoever waits for another stage or for a lock holds no lock that comes later in this order, so nobody waits in a
      // circle.
      for mount in mounts where mount.from != nil { _ = try await origin(from: mount.from) }
      let locked = mounts.filter { $0.kind == .cache && $0.sharing == .locked }.map(cacheID)
      for id in Set(locked).sorted() { try await held.lock(id) }
      for mount in mounts { try await hold(mount, in: held) }
      if let script, case .script(let name, _)? = currentProgram {
        let folder = try held.temporaryFolder()
        let file = try RootedDirectory(path: folder).createFile("/\(name)", mode: 0o755)
        try file.write(all: Array(script.utf8))
        held.mounts.append(
          StepMount(source: .folder(folder, path: ""), target: StepFolders.scriptFolder, isReadOnly: true))
      }
      return held
    } catch {
      held.release()
      throw error
    }
  }

  private var currentProgram: RunInstruction.Program? {
    let index = step.number - (session.plan.firstNumbers[stage.index] ?? 1) - 1
    guard stage.instructions.indices.contains(index), case .run(let run) = stage.instructions[index].kind else {
      return nil
    }
    return run.program
  }

  private func cacheID(_ mount: RunMount) -> String { mount.id ?? mount.target.map(absolute) ?? "" }

  private func hold(_ mount: RunMount, in held: HeldMounts) async throws {
    let target = mount.target.map(absolute)
    switch mount.kind {
    case .tmpfs:
      held.mounts.append(
        StepMount(source: .tmpfs(sizeBytes: mount.sizeBytes), target: target ?? "/tmp", isReadOnly: mount.isReadOnly))
    case .secret: try hold(secret: mount, in: held)
    case .ssh: try hold(agent: mount, in: held)
    case .cache:
      let folder = try await held.cacheFolder(id: cacheID(mount), sharing: mount.sharing ?? .shared) { root in
        try await seed(mount, root)
      }
      held.mounts.append(
        StepMount(
          source: .folder(folder, path: ""), target: target ?? "/", isReadOnly: mount.isReadOnly))
    case .bind:
      let folder = try held.temporaryFolder()
      try await copyTree(mount, to: RootedDirectory(path: folder), name: "m")
      held.mounts.append(
        StepMount(source: .folder(folder, path: "m"), target: target ?? "/", isReadOnly: mount.isReadOnly))
    }
  }

  private func hold(secret mount: RunMount, in held: HeldMounts) throws {
    let id = mount.id ?? mount.source ?? FileSystem.lastComponent(of: mount.target ?? "")
    guard let bytes = session.request.secrets[id] else {
      guard mount.isRequired else { return }
      throw PlatformError.syntax(
        mount.position, "secret '\(id.prefix(128))' is required, but was not given to this build")
    }
    if let name = mount.environmentName {
      guard !bytes.contains(0) else {
        throw PlatformError.syntax(
          mount.position, "secret '\(id.prefix(128))' has a zero byte, which no variable can have")
      }
      held.secretEnvironment.append("\(name.isEmpty ? id : name)=\(String(decoding: bytes, as: UTF8.self))")
      // As BuildKit does: the file is there too only where its place is named.
      if mount.target == nil { return }
    }
    held.mounts.append(
      StepMount(
        source: .secret(bytes, uid: mount.uid ?? 0, gid: mount.gid ?? 0, mode: mount.mode ?? 0o400),
        target: mount.target.map(absolute) ?? "/run/secrets/\(id)", isReadOnly: true))
  }

  /// As BuildKit does: one that is not offered and not required is not there, and a step that is known does not ask.
  private func hold(agent mount: RunMount, in held: HeldMounts) throws {
    let id = mount.id.flatMap { $0.isEmpty ? nil : $0 } ?? "default"
    guard session.request.agents.contains(id) else {
      guard mount.isRequired else { return }
      throw PlatformError.syntax(
        mount.position,
        "the SSH agent '\(id.prefix(128))' is required, but was not given to this build: build with --ssh \(id.prefix(128))"
      )
    }
    let number = held.mounts.count { if case .agent = $0.source { true } else { false } }
    let target = mount.target.map(absolute) ?? "/run/buildkit/ssh_agent.\(number)"
    if number == 0 { held.secretEnvironment.append("SSH_AUTH_SOCK=\(target)") }
    held.mounts.append(
      StepMount(
        source: .agent(id, uid: mount.uid ?? 0, gid: mount.gid ?? 0, mode: mount.mode ?? 0o600), target: target,
        isReadOnly: true))
  }

  /// The first content of a cache mount.
  private func seed(_ mount: RunMount, _ root: RootedDirectory) async throws {
    if mount.from != nil { try await copyTree(mount, to: root, name: "") }
    let top = try root.openPath("/", followLink: false)
    try top.chown(uid: mount.uid ?? 0, gid: mount.gid ?? 0)
    try top.chmod(mount.mode ?? 0o755)
  }

  /// Copies a part of a stage, an image or the context to be mounted; what a step writes there is thrown away.
  private func copyTree(_ mount: RunMount, to root: RootedDirectory, name: String) async throws {
    let path = CopyLayout.clean(mount.source ?? "")
    let context: BuildContext
    switch try await origin(from: mount.from) {
    case .files(let files): context = files
    case .root(let state):
      let source = try session.catalog.openRoot(state.chainIDs)
      let isDirectory = try source.stat(path, followLink: true).type == .directory
      if isDirectory, !name.isEmpty { try root.makeDirectory(name, mode: 0o755) }
      try TreeCopy.run(source, path, to: root, isDirectory ? name : "", as: isDirectory ? "" : name)
      return
    }
    let source = ContextSource(context: context)
    guard let node = try source.find(path, followLast: true) else {
      throw PlatformError.syntax(mount.position, "'\(path.prefix(200))' is not in the build context")
    }
    guard case .file = node.kind else {
      if !name.isEmpty { try root.makeDirectory(name, mode: 0o755) }
      return try context.materialise(node.path, in: try root.directory(name))
    }
    let file = try root.createFile(name, mode: node.mode)
    let content = try source.open(node)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try content.read(into: buffer)
      if count == 0 { return }
      try file.write(all: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }
}
