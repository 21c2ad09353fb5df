"""From recorded speakers to weights: corpora, preparation, augmentation and the training loops."""
