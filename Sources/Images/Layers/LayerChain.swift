import ContentStore
import Model

/// Chain ids: names for a layer together with all layers below it.
public enum LayerChain {
  /// The chain id of each layer, lowest first (OCI image specification, config.md, *Layer ChainID*).
  public static func ids(_ diffIDs: [Digest]) -> [Digest] {
    var chain: [Digest] = []
    for diffID in diffIDs {
      guard let below = chain.last else {
        chain.append(diffID)
        continue
      }
      chain.append(ContentHasher.digest(of: Array("\(below) \(diffID)".utf8)))
    }
    return chain
  }
}
