import Glibc
import Isolation
import LinuxSystem
import Model
import Networking
import OCIRuntime
import OCITypes
import Snapshots

extension Engine {
  /// Starts a container.
  /// - Throws: `notModified` when it runs already.
  public func startContainer(_ reference: String) async throws {
    let container = try registry.find(reference)
    do {
      try await startByUser(container)
    } catch {
      // Nobody would come back for a container that was to vanish after its run.
      if container.record.settings.host.autoRemove, container.process == nil {
        try? await removeContainer(container.id.hex, force: true, volumes: true)
      }
      throw error
    }
  }

  private func startByUser(_ container: Container) async throws {
    try await container.lock.withLock { token in
      let status = container.status
      if status == .running || status == .restarting && container.process != nil {
        throw PlatformError(.notModified, "container already started")
      }
      if status == .paused {
        throw PlatformError(.conflict, "cannot start a paused container, try unpause instead")
      }
      container.change {
        $0.restartTask?.cancel()
        $0.restartTask = nil
        $0.failureStreak = 0
        $0.record.run.stoppedByUser = false
        $0.record.run.restartCount = 0
      }
      try await start(container, token)
    }
  }

  /// Starts a container whose lock is held; on failure everything that was made for the run is taken back.
  func start(_ container: Container, _ token: OperationLock.Token) async throws {
    moves.begin(on: executor)
    await container.settle()
    guard container.removal.current == nil, container.status != .removing else {
      throw PlatformError(.conflict, "container \(container.id.short) is marked for removal and cannot be started")
    }
    var run = StartedRun()
    do {
      for volume in container.record.mounts.compactMap(\.volumeName) { try volumeStore.gate.requireStartable(volume) }
      try await requireLogReceiver(container.record)
      try await openSocket(of: container.record)
      try launch(container, &run)
    } catch {
      undo(run, of: container)
      await closeSocket(of: container.record)
      let message = ((error as? StartFailure)?.platformError ?? PlatformError.ofStart(error)).message
      let code = (error as? StartFailure)?.exitCode ?? 128
      // Who waits for an end goes on waiting, as with docker: there was no run.
      let record = container.change { state -> ContainerRecord in
        state.process = nil
        state.record.run.error = message
        state.record.run.exitCode = code
        state.record.run.pid = 0
        state.record.endpoints = [:]
        state.record.publishedPorts = []
        if state.record.run.status != .created { state.record.run.status = .exited }
        state.record.run.finishedAt = Int64(Clock.realTimeNanoseconds())
        let sessions = state.pendingAttach
        state.pendingAttach = []
        for session in sessions { session.connect(nil) }
        return state.record
      }
      try? store.save(record)
      throw (error as? StartFailure)?.platformError ?? PlatformError.ofStart(error)
    }
  }

  private func launch(_ container: Container, _ run: inout StartedRun) throws {
    var record = container.record
    let runtime = try self.runtime(record.runtime)
    let bundle = paths.bundle(record.id)
    try prepareFolders(record, bundle: bundle)
    run.bundle = bundle
    try planEndpoints(&record)
    run.endpoints = Array(record.endpoints.values)
    try writeHostFiles(record)
    let (namespaces, joined) = try namespaces(for: record)
    // The intent is on disk before the kernel holds anything for it.
    let planned = record
    container.change { $0.record.endpoints = planned.endpoints }
    try store.saveIntent(planned)
    let assembly = try assembly(for: record, joining: joined)
    let specification = SpecificationWriter(
      record: record, policy: policy, host: host, namespaces: namespaces, plan: assembly,
      initProgram: configuration.initPath, cgroupsPath: try cgroupPath(record).text,
      engineCgroupParent: defaultCgroupParent, bundle: bundle,
      blockDevices: try blockDevices(record.settings.host.resources), takesFilterPrograms: runtime.name == "crun",
      populate: { [self] in try populate(volume: $2, from: $0, directory: $1, ids: planned.ids) },
      secretEnvironment: container.read { $0.secretEnvironment })
    run.runtime = runtime
    run.created = true
    let retention = try self.retention(of: record)
    let outcome = CommandLookupResult()
    let process: MonitoredProcess
    do {
      process = try monitor.create(
        MonitorRequest(
          id: record.id, name: record.name, runtime: runtime, bundle: bundle, terminal: record.settings.terminal,
          openStdin: record.settings.openStdin, keepStdinOpen: !record.settings.stdinOnce || record.settings.terminal,
          logPath: record.pod == nil ? retention.map { _ in paths.log(record.id) } : record.pod?.logPath,
          logLimitBytes: record.pod == nil ? retention?.totalBytes ?? .max : .max, exitDirectory: paths.exits)
      ) {
        try assembly.root.assemble()
        outcome.set(try specification.write(root: RootAssembly.rootfs))
      }
    } catch {
      throw StartFailure(error, lookup: outcome.current, program: record.arguments.first ?? "")
    }
    run.process = process
    try connect(&record, process: process, run: &run)
    let started = record
    let sessions = container.change { state -> [AttachSession] in
      state.record.endpoints = started.endpoints
      state.record.publishedPorts = started.publishedPorts
      defer { state.pendingAttach = [] }
      return state.pendingAttach
    }
    try attachPending(sessions, bundle: bundle, id: record.id)
    try monitor.start(record.id, process: process, runtime: runtime)
    becomeRunning(container, process: process)
  }

  private func becomeRunning(_ container: Container, process: MonitoredProcess) {
    let record = container.change { state -> ContainerRecord in
      state.process = process
      state.processSpec = nil
      state.record.run.status = .running
      state.record.run.pid = process.initial.pid
      state.record.run.pidStartTicks = process.initial.startTime
      state.record.run.monitorPid = process.monitor.pid
      state.record.run.monitorStartTicks = process.monitor.startTime
      state.record.run.startedAt = Int64(Clock.realTimeNanoseconds())
      state.record.run.exitCode = 0
      state.record.run.error = ""
      state.record.run.oomKilled = false
      return state.record
    }
    do {
      try store.save(record)
    } catch {
      logger.error("the start of container \(record.id.short) could not be recorded: \(error)")
    }
    tellVolumes("mount", record)
    emit("start", record)
    watch(container, process: process, isChild: true)
    startHealthChecks(container)
    forwardLog(container)
  }

  private func prepareFolders(_ record: ContainerRecord, bundle: String) throws {
    try? FileSystem.removeTree(bundle)
    try FileSystem.makeDirectory(bundle, mode: 0o711)
    if !FileSystem.exists(paths.container(record.id)) {
      try FileSystem.makeDirectory(paths.container(record.id), mode: 0o711)
    }
    try? FileSystem.removeFile("\(paths.exits)/\(record.id.hex)")
  }

  /// The control group above those of all containers that ask for no other.
  var defaultCgroupParent: String { "/bulkhead-\(configuration.instance)" }

  func cgroupPath(_ record: ContainerRecord) throws -> CgroupPath {
    try CgroupPath("\(policyCheck.cgroupParent(record.settings.host.cgroupParent))/\(record.id.hex)")
  }

  /// Removes a container's control groups, and ends what is in them; what is not there any more is no error.
  func removeCgroup(_ record: ContainerRecord) {
    do {
      let path = try cgroupPath(record)
      do {
        try cgroups.remove(path)
      } catch let error as SystemError where error.errno == EBUSY {
        try cgroups.removeKilling(path)
      }
    } catch {
      logger.warning("removing the control groups of container \(record.id.short): \(error)")
    }
  }

  /// Removes the control groups above a removed container's that were made for it and the like of it.
  func removeEmptyCgroupParents(_ record: ContainerRecord) {
    var parent = (try? cgroupPath(record))?.parent
    while let path = parent, path.text.hasPrefix(defaultCgroupParent + "/") {
      cgroups.removeEmpty(path)
      parent = path.parent
    }
  }

  /// Connects the sessions that waited for this start.
  private func attachPending(_ sessions: [AttachSession], bundle: String, id: ContainerID) throws {
    let files = MonitorFiles(bundle: bundle, exitDirectory: paths.exits, id: id)
    for session in sessions {
      session.connect(.monitor(try AsyncDescriptor(try files.connectStreams(), poller: poller)))
    }
  }

  private func undo(_ run: StartedRun, of container: Container) {
    if let runtime = run.runtime, run.created { try? monitor.delete(container.id, runtime: runtime, force: true) }
    if let process = run.process {
      try? PidFD.signal(process.monitorDescriptor, SIGKILL)
      _ = try? PidFD.waitExit(process.monitorDescriptor)
    }
    releaseNetwork(container.id, endpoints: run.endpoints)
    if run.isConnected { tell("disconnect", run.endpoints) }
    endMemoryVolumes(of: container.record)
    removeCgroup(container.record)
    if let bundle = run.bundle { try? FileSystem.removeTree(bundle) }
  }
}

/// What a start has made so far.
struct StartedRun {
  var bundle: String?
  var endpoints: [EndpointRecord] = []
  var runtime: RuntimeProgram?
  var created = false
  var process: MonitoredProcess?
  /// On its networks, as was told.
  var isConnected = false
}
