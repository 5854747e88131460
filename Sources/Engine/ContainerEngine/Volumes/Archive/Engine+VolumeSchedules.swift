import LinuxSystem
import Model

extension Engine {
  private static let scheduleCheckSeconds = 15.0

  /// Gives a volume a time-table for backups, or takes it away.
  public func scheduleVolume(_ name: String, _ schedule: VolumeSchedule?) throws -> VolumeView {
    try volumeStore.change(name) { record in
      var schedule = schedule
      schedule?.takeOver(record.schedule)
      record.schedule = schedule
    }
    return view(of: try volumeStore.record(name))
  }

  /// Makes backups whose time has come, some at once: one that takes long holds nobody else up.
  func keepBackups() {
    lifetime.run(on: transfers.executor) { [self] in
      while !Task.isCancelled {
        let due = volumeStore.all.filter { $0.schedule?.isDue(now: Int64(Clock.realTimeNanoseconds())) == true }
        for name in backupTurns.take(due.map { ($0.name, $0.schedule?.lastAt ?? 0) }) {
          lifetime.run(on: transfers.executor) { [self] in
            await backUpBySchedule(name)
            backupTurns.end(name)
          }
        }
        do { try await Task.sleep(for: .seconds(Self.scheduleCheckSeconds)) } catch { return }
      }
    }
  }

  private func backUpBySchedule(_ name: String) async {
    do {
      // Told before it begins: what fails each time, or ends the engine, is not tried again before its next time.
      try volumeStore.change(name) { $0.schedule?.lastAt = Int64(Clock.realTimeNanoseconds()) }
      guard let schedule = try volumeStore.record(name).schedule else { return }
      let backup = try await backUpVolume(
        name, schedule.live ? .live : .standard, passphrase: try ownPassphrase(), keep: schedule.keep, isScheduled: true
      )
      try volumeStore.change(name) { $0.schedule?.note(nil, now: Int64(Clock.realTimeNanoseconds())) }
      logger.info("backed up volume \(name): \(backup.id), \(backup.sizeBytes) bytes")
    } catch is CancellationError {
      return
    } catch {
      let reason = (error as? PlatformError)?.message ?? "\(error)"
      logger.error("the scheduled backup of volume \(name) failed: \(error)")
      events.emit(
        .volume, "backup_failed", id: name, attributes: ["driver": "local", "error": String(reason.prefix(1_000))])
      do {
        try volumeStore.change(name) { $0.schedule?.note(reason, now: Int64(Clock.realTimeNanoseconds())) }
      } catch {
        logger.error("the failure of the backup of volume \(name) could not be noted: \(error)")
      }
    }
  }

  /// What the engine itself seals backups with, where its policy names a file; nil where it does not.
  func ownPassphrase() throws -> [UInt8]? {
    guard let path = policy.backups.passphraseFile else { return nil }
    return try PassphraseFile.read(path)
  }

  /// The engine's own passphrase opens what it has sealed itself.
  func ownPassphrase(for volume: String, _ id: String) throws -> [UInt8]? {
    let manifest = try VolumeArchiveReader.manifest(of: try backups.open(volume, id).file)
    return manifest.encryption != nil && manifest.isScheduled ? try ownPassphrase() : nil
  }
}

/// Which scheduled backups are being made: a few at once, and the one that waits longest first.
final class BackupTurns: Sendable {
  static let atOnce = 3
  private let running = Locked<Set<String>>([])

  /// The volumes whose backups begin now.
  /// - Parameter due: those whose time has come, and when they were backed up last.
  func take(_ due: [(name: String, lastAt: Int64)]) -> [String] {
    running.withLock { running in
      let waiting = due.filter { !running.contains($0.name) }.sorted { ($0.lastAt, $0.name) < ($1.lastAt, $1.name) }
      let taken = waiting.prefix(max(0, Self.atOnce - running.count)).map(\.name)
      running.formUnion(taken)
      return taken
    }
  }

  func end(_ name: String) { running.withLock { _ = $0.remove(name) } }
}
