import LinuxSystem
import Model

extension Engine {
  private static let scheduleCheckSeconds = 15.0

  /// Gives a volume a time-table for backups, or takes it away.
  public func scheduleVolume(_ name: String, _ schedule: VolumeSchedule?) throws -> VolumeView {
    try volumeStore.change(name) { $0.schedule = schedule }
    return view(of: try volumeStore.record(name))
  }

  /// Makes backups whose time has come, one after the other.
  func keepBackups() {
    lifetime.run(on: transfers.executor) { [self] in
      while !Task.isCancelled {
        for record in volumeStore.all where record.schedule?.isDue(now: Int64(Clock.realTimeNanoseconds())) == true {
          await backUpBySchedule(record.name)
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
        name, live: schedule.live, passphrase: try ownPassphrase(), keep: schedule.keep, isScheduled: true)
      try volumeStore.change(name) { $0.schedule?.lastError = nil }
      logger.info("backed up volume \(name): \(backup.id), \(backup.sizeBytes) bytes")
    } catch is CancellationError {
      return
    } catch {
      let reason = (error as? PlatformError)?.message ?? "\(error)"
      logger.error("the scheduled backup of volume \(name) failed: \(error)")
      do {
        try volumeStore.change(name) { $0.schedule?.lastError = String(reason.prefix(1_000)) }
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
