import ImageCatalog
import Model
import OCITypes

/// Results of steps as an image tells them by its history: what `--cache-from` takes. The client names images that it trusts.
///
/// A step is known where its line of the history, all lines before it and the layers below it are the same. Histories of
/// this builder have a digest of what COPY and ADD took, so that the content counts there, too.
struct ImageSteps: Sendable {
  struct Known: Sendable {
    /// Nil: the step made no layer.
    var layer: (descriptor: ContentDescriptor, chainID: Digest, diffID: Digest)?
    var created: String
  }

  private let image: ImageRecord
  private let history: [HistoryEntry]

  init(_ image: ImageRecord) {
    self.image = image
    history = image.config.history ?? []
  }

  /// What a step gives that would add the line `text` to what a stage has become so far.
  func find(after state: StageState, _ text: String) -> Known? {
    let before = state.config.history ?? []
    guard before.count < history.count, history[before.count].createdBy == text,
      zip(before, history).allSatisfy({ $0.createdBy == $1.createdBy && $0.emptyLayer == $1.emptyLayer }),
      image.chainIDs.starts(with: state.chainIDs)
    else { return nil }
    let created = history[before.count].created ?? image.created
    if history[before.count].emptyLayer == true { return Known(layer: nil, created: created) }
    let index = state.chainIDs.count
    guard image.chainIDs.indices.contains(index), image.layers.indices.contains(index),
      image.config.rootfs.diffIDs.indices.contains(index)
    else { return nil }
    return Known(
      layer: (image.layers[index], image.chainIDs[index], image.config.rootfs.diffIDs[index]), created: created)
  }
}
