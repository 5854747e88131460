import Glibc

extension Cgroups {
  private static let freezeDeadlineSeconds = 2.0
  private static let endDeadlineSeconds = 2.0
  private static let stepMicroseconds: UInt32 = 500
  private static let maxKillRounds = 100

  /// Sends KILL to every process in a cgroup and those below it. They may still be ending on return.
  public func killAll(_ path: CgroupPath) throws {
    if layout.mode == .v2, let unified = layout.unified {
      // cgroup.kill (kernel 5.14) also catches what is being forked.
      do {
        return try write("1", to: "\(unified)\(path.text)/cgroup.kill")
      } catch let error as SystemError where error.errno == ENOENT {
        return
      }
    }
    // Frozen processes neither fork nor end, so that the list stays true until all have their signal.
    let isFrozen = (try? freeze(path)) != nil
    defer { if isFrozen { try? thaw(path) } }
    for _ in 0..<Self.maxKillRounds {
      let processes = try listProcesses(path)
      for pid in processes { kill(pid, SIGKILL) }
      if isFrozen || processes.isEmpty { return }
      usleep(Self.stepMicroseconds)
    }
  }

  /// Removes a cgroup with those below it, and kills what is in them.
  /// - Throws: EBUSY when processes have not ended within 2 s.
  public func removeKilling(_ path: CgroupPath) throws {
    let end = Clock.monotonicNanoseconds() + UInt64(Self.endDeadlineSeconds * 1e9)
    while true {
      try killAll(path)
      do {
        return try remove(path)
      } catch let error as SystemError where error.errno == EBUSY {
        if Clock.monotonicNanoseconds() >= end { throw error }
        usleep(Self.stepMicroseconds)
      }
    }
  }

  /// Makes the next moves of processes between cgroups quick, for some milliseconds. Blocks for a grace period of the
  /// kernel, which is 10 to 20 ms on a small machine; the first move after a pause would wait as long.
  ///
  /// The kernel guards moves with a lock that is cheap for those who fork and dear for the first who moves
  /// (cgroup_threadgroup_rwsem). Moving this process to where it is takes the lock and changes nothing.
  public func anticipateMoves() throws {
    let own = try FileSystem.read("/proc/self/cgroup", maxBytes: Limits.kernelFileBytes)
    for line in CgroupText.lines(own) {
      // "3:cpu,cpuacct:/path", or "0::/path" for version 2 (cgroups(7)).
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 3 else { continue }
      let controller = fields[1].split(separator: ",").first.map(String.init)
      guard let mountPoint = controller.map({ layout.controllers[$0] }) ?? layout.unified else { continue }
      return try write("0", to: "\(mountPoint)\(fields[2] == "/" ? "" : fields[2])/cgroup.procs")
    }
  }

  /// Stops all processes of a cgroup and those below it; returns when they stand.
  /// - Throws: ETIMEDOUT when one did not within 2 s (all are thawed again), ENOENT for a missing cgroup.
  public func freeze(_ path: CgroupPath) throws {
    let end = Clock.monotonicNanoseconds() + UInt64(Self.freezeDeadlineSeconds * 1e9)
    try setFrozen(path, true)
    while try !isFrozen(path) {
      if Clock.monotonicNanoseconds() >= end {
        try thaw(path)
        throw SystemError(errno: ETIMEDOUT, operation: "freeze", subject: path.text)
      }
      usleep(Self.stepMicroseconds)
      // The freezer of version 1 may get stuck half-way until it is told again.
      if freezer != nil { try setFrozen(path, true) }
    }
  }

  /// Lets the processes go on.
  public func thaw(_ path: CgroupPath) throws {
    try setFrozen(path, false)
  }

  /// Whether all processes stand.
  public func isFrozen(_ path: CgroupPath) throws -> Bool {
    if let freezer {
      let state = try FileSystem.read("\(freezer)\(path.text)/freezer.state", maxBytes: Limits.kernelFileBytes)
      return CgroupText.words(state) == ["FROZEN"]
    }
    let events = try FileSystem.read(file(path, "freezer", "cgroup.events"), maxBytes: Limits.kernelFileBytes)
    return CgroupText.table(events)["frozen"] == 1
  }

  private var freezer: String? { layout.controllers["freezer"] }

  private func setFrozen(_ path: CgroupPath, _ frozen: Bool) throws {
    if let freezer {
      try write(frozen ? "FROZEN" : "THAWED", to: "\(freezer)\(path.text)/freezer.state")
    } else {
      try write(frozen ? "1" : "0", to: file(path, "freezer", "cgroup.freeze"))
    }
  }
}
